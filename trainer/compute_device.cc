#include "trainer/compute_device.h"

#include "partialfc/comm/device_ranks.h"
#include "partialfc/comm/nccl.h"
#include "partialfc/device/runtime.h"
#include "trainer/cpu_features.h"
#include "trainer/device_of_rank.h"
#include "trainer/torch_gpu.h"

namespace partialfc {

ComputeDevice::ComputeDevice(const std::string& wanted, const Communicator& world)
    : name_(device_of_rank(wanted, world)) {
  if (!name_.is_gpu) return;
  runtime::use_device(name_.ordinal);
  stream_.emplace();
  if (!torch_has_gpus()) return;
  backbone_ = torch_device(name_);
  compute_with_torch_in(*stream_, name_.ordinal);
}

ComputeDevice::~ComputeDevice() {
  if (has_backbone()) compute_with_torch_alone(name_.ordinal);
}

torch::Device torch_device(const DeviceName& device) {
  if (!device.is_gpu) return torch::kCPU;
  runtime::use_device(device.ordinal);
  if (!torch_has_gpus())
    fail_usage(
        "{}: this program's libtorch knows no GPUs; one that is built with pip's torch does (scripts/build --cuda, "
        "docs/gpu.md)",
        to_string(device));
  return {torch::kCUDA, static_cast<torch::DeviceIndex>(device.ordinal)};
}

Precision backbone_precision(const std::string& wanted, const DeviceName& device) {
  if (wanted != "auto" || !device.is_gpu || !torch_has_gpus()) return precision_of(wanted);
  return runtime::properties(device.ordinal).major >= 8 ? Precision::kBFloat16 : Precision::kFloat32;
}

std::unique_ptr<Communicator> open_channel_of_gpus(Communicator& world, const std::string& name,
                                                   Stream& stream) {
  return world.size() == 1 ? open_device_channel(world, name, stream)
                           : open_nccl_channel(world, name, stream);
}

torch::Tensor to_device(const torch::Tensor& host, torch::Device device) {
  return device.is_cuda() ? host.pin_memory().to(device, /*non_blocking=*/true) : host;
}

}  // namespace partialfc
