#include "partialfc/head/partial_fc_fixture.h"
#include "partialfc/head/reference_visits.h"
#include "partialfc/kernels/bfloat16_gemm.h"

namespace partialfc {

const std::vector<VisitsKind>& visits_kinds() {
  static const std::vector<VisitsKind> kinds = {{.name = "cpu",
                                                 .make = make_cpu_visits,
                                                 .most_threads = 2,
                                                 .has_bf16 = bfloat16_unit() != BFloat16Unit::kNone},
                                                {.name = "float64", .make = make_reference_visits}};
  return kinds;
}

}  // namespace partialfc
