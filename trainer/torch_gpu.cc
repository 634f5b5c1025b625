#include "trainer/torch_gpu.h"

#include <ATen/Context.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAStream.h>

namespace partialfc {

bool torch_has_gpus() { return at::hasCUDA(); }

void compute_with_torch_in(Stream& stream, int ordinal) {
  const auto device = static_cast<c10::DeviceIndex>(ordinal);
  c10::cuda::set_device(device);
  c10::cuda::setCurrentCUDAStream(c10::cuda::getStreamFromExternal(stream.handle(), device));
  at::globalContext().setBenchmarkCuDNN(true);
}

void compute_with_torch_alone(int ordinal) {
  c10::cuda::setCurrentCUDAStream(c10::cuda::getDefaultCUDAStream(static_cast<c10::DeviceIndex>(ordinal)));
}

}  // namespace partialfc
