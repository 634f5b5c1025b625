#include "trainer/torch_runtime.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <torch/version.h>

#include <filesystem>

namespace partialfc {

namespace {

std::string library_of_torch() {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<void*>(&at::globalContext), &info) == 0) return "libtorch";
  return std::filesystem::weakly_canonical(info.dli_fname).string();
}

// 11080 → "11.8", as CUDA counts.
std::string cuda_of_torch() {
  if (!at::globalContext().hasCUDART()) return "";
  const int64_t version = at::globalContext().versionCUDART();
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

}  // namespace

void set_torch_threads(int threads) { torch::set_num_threads(threads); }

TorchVersions torch_versions() {
  return {.built = TORCH_VERSION, .library = library_of_torch(), .cuda = cuda_of_torch()};
}

}  // namespace partialfc
