#include "partialfc/head/partial_fc_fixture.h"
#include "partialfc/head/reference_visits.h"
#include "partialfc/kernels/bfloat16_gemm.h"

namespace partialfc {

const std::vector<VisitsKind>& visits_kinds() {
  static const std::vector<VisitsKind> kinds = {{"cpu", make_cpu_visits, 2},
                                                {"float64", make_reference_visits}};
  return kinds;
}

}  // namespace partialfc
