// libtorch's GPUs. torch_gpu.cc where libtorch was built with CUDA and this program too, else, and where GPUs are
// simulated, without_torch_gpu.cc.
#pragma once

#include "partialfc/device/stream.h"

namespace partialfc {

bool torch_has_gpus();
// What this thread computes with libtorch on that GPU is queued in the stream from here on, also what backward passes
// compute in threads of libtorch's. The fastest algorithms of cuDNN are looked for.
void compute_with_torch_in(Stream& stream, int ordinal);
// In libtorch's own stream again.
void compute_with_torch_alone(int ordinal);

}  // namespace partialfc
