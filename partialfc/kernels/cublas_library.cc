#include "partialfc/kernels/cublas_library.h"

#include <dlfcn.h>

#include <string>

#include "partialfc/base/error.h"

namespace partialfc {

namespace {

void* open_library() {
  const std::string name = fmt::format("libcublasLt.so.{}", CUBLAS_VER_MAJOR);
  std::string tried;
  for (const std::string& path : {name, std::string(PARTIALFC_CUDA_LIBRARY_DIR "/") + name}) {
    if (void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
    tried += fmt::format("\n  {}", dlerror());
  }
  fail("matrix products on a GPU need {}, which cannot be loaded: put its folder into LD_LIBRARY_PATH{}",
       name, tried);
}

template <class Function>
void find(void* library, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(dlsym(library, name));
  if (function == nullptr) fail("libcublasLt has no {}: {}", name, dlerror());
}

CublasLibrary load() {
  void* const library = open_library();
  CublasLibrary lt{};
  find(library, "cublasLtCreate", lt.create);
  find(library, "cublasLtDestroy", lt.destroy);
  find(library, "cublasLtGetStatusString", lt.status_string);
  find(library, "cublasLtMatmulDescCreate", lt.create_operation);
  find(library, "cublasLtMatmulDescDestroy", lt.destroy_operation);
  find(library, "cublasLtMatmulDescSetAttribute", lt.set_operation);
  find(library, "cublasLtMatrixLayoutCreate", lt.create_layout);
  find(library, "cublasLtMatrixLayoutDestroy", lt.destroy_layout);
  find(library, "cublasLtMatmulPreferenceCreate", lt.create_preference);
  find(library, "cublasLtMatmulPreferenceDestroy", lt.destroy_preference);
  find(library, "cublasLtMatmulPreferenceSetAttribute", lt.set_preference);
  find(library, "cublasLtMatmulAlgoGetHeuristic", lt.find_algorithms);
  find(library, "cublasLtMatmul", lt.multiply);
  return lt;
}

}  // namespace

const CublasLibrary& cublas_library() {
  static const CublasLibrary library = load();
  return library;
}

}  // namespace partialfc
