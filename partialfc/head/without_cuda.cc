// What needs a GPU, in a library that was built without CUDA.
#include "partialfc/base/error.h"
#include "partialfc/comm/nccl.h"
#include "partialfc/head/device_layer.h"
#include "partialfc/kernels/device_products.h"

namespace partialfc {

namespace {

[[noreturn]] void refuse() {
  fail_usage(
      "no GPU can be used: partialfc was built without CUDA; see docs/gpu.md for how to build it with");
}

}  // namespace

std::unique_ptr<Communicator> open_device_channel(Communicator&, const std::string&, Stream&) { refuse(); }

std::unique_ptr<Communicator> open_nccl_channel(Communicator&, const std::string&, Stream&) { refuse(); }

std::unique_ptr<Visits> make_device_visits(const PartialFCOptions&, const RankShare&,
                                           const DeviceVisitsOptions&) {
  refuse();
}

template <>
std::unique_ptr<DeviceProducts<float>> make_device_products(bool) {
  refuse();
}
template <>
std::unique_ptr<DeviceProducts<BFloat16>> make_device_products(bool) {
  refuse();
}

}  // namespace partialfc
