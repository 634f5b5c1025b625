// Ranks agree, or nothing starts: what they were told apart from each other (options, recipes, versions, data) is
// compared before it is used, for ranks that differ do not fail, they train something else.
#pragma once

#include <span>
#include <string>

#include "partialfc/comm/communicator.h"

namespace partialfc {

struct NamedValue {
  std::string name, value;
};

// Every rank throws it with the same message: one of them is enough to tell.
class DisagreementError : public UsageError {
 public:
  using UsageError::UsageError;
};

// Collective. Throws DisagreementError unless all ranks have the same values under the same names, in the same order:
// "optimizer.learning_rate is 0.1 on rank 0 (host a) and 0.2 on rank 1 (host b); 2 more differ: <remedy>". Named is the
// first that differs between rank 0 and the first rank that differs from it. One all_gather of eight bytes a rank, and
// the texts where that shows a difference.
void require_agreement(Communicator& comm, std::span<const NamedValue> values, const std::string& remedy);

}  // namespace partialfc
