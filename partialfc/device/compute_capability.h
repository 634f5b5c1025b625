// Which GPUs can run the kernels of a library: those that it was compiled for.
#pragma once

#include <span>
#include <string>

#include "partialfc/device/runtime.h"

namespace partialfc {

// Compute capabilities are counted as nvcc does: 90 is 9.0. `compiled` rises. The code of one runs on devices of the same
// major number and a minor one that is no smaller; that of the last on newer ones too, which translate it themselves.
bool runs_on(int capability, std::span<const int> compiled);

// Throws UsageError that names the device, its number, both capabilities and what to do.
[[noreturn]] void refuse_capability(const runtime::DeviceProperties& device, int ordinal,
                                    std::span<const int> compiled);

}  // namespace partialfc
