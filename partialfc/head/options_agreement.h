// The head's options that all ranks must share: with others, classes would have two owners or none, and copies of one
// model would take different steps, without a word.
#pragma once

#include <vector>

#include "partialfc/comm/agreement.h"
#include "partialfc/head/partial_fc.h"

namespace partialfc {

// All of them but where rows are kept and what of E is, which each rank may decide for itself.
std::vector<NamedValue> shared_values(const PartialFCOptions& options);

// Collective. The options, once all ranks have the same; else throws DisagreementError.
const PartialFCOptions& agreed(const PartialFCOptions& options, Communicator& comm);

}  // namespace partialfc
