// Where a rank computes: its backbone by libtorch, and the layer.
#pragma once

#include <torch/types.h>

#include <memory>
#include <optional>
#include <string>

#include "partialfc/base/precision.h"
#include "partialfc/comm/communicator.h"
#include "partialfc/device/device_name.h"
#include "partialfc/device/stream.h"

namespace partialfc {

class ComputeDevice {
 public:
  // wanted: as of device_of_rank(). On a GPU libtorch's work of the calling thread goes into the device's stream while
  // this lasts, and so does the layer's: they follow each other there without further waits.
  ComputeDevice(const std::string& wanted, const Communicator& world);
  ~ComputeDevice();
  ComputeDevice(const ComputeDevice&) = delete;

  const DeviceName& name() const { return name_; }
  // Of the GPU; null on the CPU.
  Stream* stream() { return stream_ ? &*stream_ : nullptr; }
  // A libtorch without CUDA leaves the backbone on the CPU, with the layer alone on the GPU.
  bool has_backbone() const { return backbone_.is_cuda(); }
  Stream* backbone_stream() { return has_backbone() ? stream() : nullptr; }
  torch::Device backbone() const { return backbone_; }

 private:
  DeviceName name_;
  std::optional<Stream> stream_;
  torch::Device backbone_ = torch::kCPU;
};

// As libtorch has it. Throws UsageError for a GPU that this program's libtorch, or this machine, has not.
torch::Device torch_device(const DeviceName& device);

// wanted: train.precision, where "auto" is bf16 if what computes the backbone has it: the CPU, or a GPU (compute
// capability 8.0 and later).
Precision backbone_precision(const std::string& wanted, const DeviceName& device);

// Collective. A channel between the GPUs of all ranks: over NCCL, in a world of one through the device's memory alone.
// What it sends is in the order of the stream. Both outlive it.
std::unique_ptr<Communicator> open_channel_of_gpus(Communicator& world, const std::string& name,
                                                   Stream& stream);

// A tensor of the host's memory, on the device; the copy is queued where libtorch computes, and the host goes on.
torch::Tensor to_device(const torch::Tensor& host, torch::Device device);

}  // namespace partialfc
