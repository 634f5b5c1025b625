#include "partialfc/comm/device_ranks.h"
#include "partialfc/head/device_visits.h"
#include "partialfc/head/partial_fc_fixture.h"

namespace partialfc {

namespace {

template <int64_t kTileClasses, bool kMessagesOnDevice>
std::unique_ptr<Visits> make(const PartialFCOptions& options, const RankShare& share, ThreadTeam&,
                             Stream* stream) {
  return make_device_visits(options, share,
                            {.stream = kMessagesOnDevice ? stream : nullptr,  // one of their own
                             .messages_on_device = kMessagesOnDevice,
                             .tile_classes = kTileClasses});
}

std::unique_ptr<Communicator> device_channel(Communicator& comm, Stream& stream) {
  return open_device_channel(comm, "head", stream);
}

}  // namespace

const std::vector<VisitsKind>& visits_kinds() {
  static const std::vector<VisitsKind> kinds = {
      {.name = "through_the_host", .make = make<1 << 20, false>, .has_bf16 = true, .needs_device = true},
      {.name = "tiles",
       .make = make<128, true>,
       .channel = device_channel,
       .has_bf16 = true,
       .needs_device = true}};
  return kinds;
}

}  // namespace partialfc
