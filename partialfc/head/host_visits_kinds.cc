#include "partialfc/head/partial_fc_fixture.h"
#include "partialfc/head/reference_visits.h"
#include "partialfc/kernels/bfloat16_gemm.h"

namespace partialfc {

namespace {

std::unique_ptr<Visits> make_cpu(const PartialFCOptions& options, const RankShare& share, ThreadTeam& team,
                                 Stream*) {
  return make_cpu_visits(options, share, team);
}
std::unique_ptr<Visits> make_reference(const PartialFCOptions& options, const RankShare& share,
                                       ThreadTeam& team, Stream*) {
  return make_reference_visits(options, share, team);
}

}  // namespace

const std::vector<VisitsKind>& visits_kinds() {
  static const std::vector<VisitsKind> kinds = {{.name = "cpu",
                                                 .make = make_cpu,
                                                 .most_threads = 2,
                                                 .has_bf16 = bfloat16_unit() != BFloat16Unit::kNone},
                                                {.name = "float64", .make = make_reference}};
  return kinds;
}

}  // namespace partialfc
