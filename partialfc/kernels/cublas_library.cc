#include "partialfc/kernels/cublas_library.h"

#include <dlfcn.h>

#include <string>

#include "partialfc/base/error.h"
#include "partialfc/base/library_function.h"

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

CublasLibrary load() {
  void* const library = open_library();
  CublasLibrary lt{};
  find_function(library, "libcublasLt", "cublasLtCreate", lt.create);
  find_function(library, "libcublasLt", "cublasLtDestroy", lt.destroy);
  find_function(library, "libcublasLt", "cublasLtGetStatusString", lt.status_string);
  find_function(library, "libcublasLt", "cublasLtMatmulDescCreate", lt.create_operation);
  find_function(library, "libcublasLt", "cublasLtMatmulDescDestroy", lt.destroy_operation);
  find_function(library, "libcublasLt", "cublasLtMatmulDescSetAttribute", lt.set_operation);
  find_function(library, "libcublasLt", "cublasLtMatrixLayoutCreate", lt.create_layout);
  find_function(library, "libcublasLt", "cublasLtMatrixLayoutDestroy", lt.destroy_layout);
  find_function(library, "libcublasLt", "cublasLtMatmulPreferenceCreate", lt.create_preference);
  find_function(library, "libcublasLt", "cublasLtMatmulPreferenceDestroy", lt.destroy_preference);
  find_function(library, "libcublasLt", "cublasLtMatmulPreferenceSetAttribute", lt.set_preference);
  find_function(library, "libcublasLt", "cublasLtMatmulAlgoGetHeuristic", lt.find_algorithms);
  find_function(library, "libcublasLt", "cublasLtMatmul", lt.multiply);
  return lt;
}

}  // namespace

const CublasLibrary& cublas_library() {
  static const CublasLibrary library = load();
  return library;
}

}  // namespace partialfc
