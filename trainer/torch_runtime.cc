#include "trainer/torch_runtime.h"

#include <dlfcn.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <torch/version.h>

#include <filesystem>

namespace partialfc {

namespace {

// The file that has what lies at `address`.
std::string file_of(const void* address) {
  Dl_info info{};
  if (address == nullptr || ::dladdr(address, &info) == 0) return "unknown";
  return std::filesystem::weakly_canonical(info.dli_fname).string();
}

}  // namespace

void set_torch_threads(int threads) { torch::set_num_threads(threads); }

TorchVersions torch_versions() {
  const at::Context& torch = at::globalContext();
  return {.built = TORCH_VERSION,
          .library = file_of(reinterpret_cast<void*>(&at::globalContext)),
          .blas = file_of(::dlsym(RTLD_DEFAULT, "sgemm_")),
          .cuda = torch.hasCUDART() ? static_cast<int>(torch.versionCUDART()) : 0,
          .cudnn = torch.hasCuDNN() ? static_cast<int>(torch.versionCuDNN()) : 0};
}

}  // namespace partialfc
