#include "partialfc/head/visits.h"

#include <algorithm>

#include "partialfc/base/error.h"
#include "partialfc/head/options_agreement.h"

namespace partialfc {

namespace {

[[noreturn]] void refuse_device() {
  fail_usage(
      "features on a device, and a layer that computes on the host: copy them, or make the layer on the device");
}

}  // namespace

Exchange Visits::pack(const DeviceFeatures&) { refuse_device(); }
void Visits::finish_gradients(const DeviceFeatures&) { refuse_device(); }
void Visits::clear_gradients(const DeviceFeatures&) { refuse_device(); }

void Visits::clear_gradients(const HostFeatures& batch) {
  for (int64_t n = 0; n < batch.gradients.rows; ++n)
    std::fill_n(batch.gradients[n], batch.gradients.cols, 0.0f);
}

RankShare share_of(const PartialFCOptions& options, Communicator& comm) {
  agreed(options, comm).validate();
  const ClassPlacement placement(options.num_classes, options.seed);
  if (comm.size() > placement.num_blocks())
    fail_usage("{} ranks for {} classes: at most {} ranks can share them; start fewer ranks", comm.size(),
               options.num_classes, placement.num_blocks());
  return {placement.blocks_of_rank(comm.rank(), comm.size()), comm.rank(), comm.size()};
}

}  // namespace partialfc
