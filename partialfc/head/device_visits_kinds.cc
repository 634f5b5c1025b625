#include "partialfc/head/device_visits.h"
#include "partialfc/head/partial_fc_fixture.h"

namespace partialfc {

const std::vector<VisitsKind>& visits_kinds() {
  static const std::vector<VisitsKind> kinds = {
      {"one_tile", [](const PartialFCOptions& options, const RankShare& share,
                      ThreadTeam&) { return make_device_visits(options, share, {.tile_classes = 1 << 20}); }},
      {"tiles",
       [](const PartialFCOptions& options, const RankShare& share, ThreadTeam&) {
         return make_device_visits(options, share, {.tile_classes = 128});
       },
       1, true}};
  return kinds;
}

}  // namespace partialfc
