#include "partialfc/head/device_visits.h"
#include "partialfc/head/partial_fc_fixture.h"

namespace partialfc {

namespace {

template <int64_t kTileClasses>
std::unique_ptr<Visits> make(const PartialFCOptions& options, const RankShare& share, ThreadTeam&) {
  return make_device_visits(options, share, {.tile_classes = kTileClasses});
}

}  // namespace

const std::vector<VisitsKind>& visits_kinds() {
  static const std::vector<VisitsKind> kinds = {
      {.name = "one_tile", .make = make<1 << 20>, .has_bf16 = true, .needs_device = true},
      {.name = "tiles", .make = make<128>, .has_bf16 = true, .needs_device = true}};
  return kinds;
}

}  // namespace partialfc
