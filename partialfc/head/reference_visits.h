// The visits in scalar float64: slow, and plainly the formulas of docs/design.md. For tests: whatever runs over it has the
// logic of a step right, and whatever runs beside it the arithmetic.
#pragma once

#include <memory>

#include "partialfc/head/visits.h"

namespace partialfc {

std::unique_ptr<Visits> make_reference_visits(const PartialFCOptions& options, const RankShare& share,
                                              ThreadTeam& team);

}  // namespace partialfc
