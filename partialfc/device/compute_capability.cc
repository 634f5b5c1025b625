#include "partialfc/device/compute_capability.h"

#include <algorithm>

#include "partialfc/base/error.h"

namespace partialfc {

namespace {

constexpr int kLeast = 70, kLeastOfCuda13 = 75;  // as cmake/CudaArchitectures.cmake has them

std::string text_of(int capability) { return fmt::format("{}.{}", capability / 10, capability % 10); }

std::string remedy_for(int capability) {
  if (capability < kLeast) return fmt::format("use a GPU of {} (V100) or later", text_of(kLeast));
  return fmt::format("build it with {} and -DPARTIALFC_CUDA_ARCHITECTURES={}",
                     capability < kLeastOfCuda13 ? "a CUDA 12 toolkit" : "a CUDA toolkit that knows this GPU",
                     capability);
}

}  // namespace

bool runs_on(int capability, std::span<const int> compiled) {
  return capability >= compiled.back() || std::ranges::any_of(compiled, [&](int one) {
           return one / 10 == capability / 10 && one <= capability;
         });
}

void refuse_capability(const runtime::DeviceProperties& device, int ordinal, std::span<const int> compiled) {
  const int capability = 10 * device.major + device.minor;
  std::string all;
  for (const int one : compiled) all += (all.empty() ? "" : ", ") + text_of(one);
  fail_usage("GPU {}, {}, has compute capability {}; partialfc was compiled for {}: {}", ordinal, device.name,
             text_of(capability), all, remedy_for(capability));
}

}  // namespace partialfc
