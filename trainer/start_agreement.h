// What all ranks of a run must have alike, compared before anything is made of it. Each rank reads its own host's files
// and runs its own host's program; where these differ all would go well, and train something else.
//
// Each function is collective, and throws DisagreementError on all ranks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "partialfc/base/precision.h"
#include "partialfc/comm/agreement.h"
#include "trainer/recipe.h"

namespace partialfc {

// This program: its version, the compiler and its flags, libtorch's version. The ranks' copies of the backbone take the
// same step each on its own: one rounding that differs, and they drift apart.
std::vector<NamedValue> program_values();

// The recipe, once all ranks have the same, in the same program. backbone: what train.precision means on this rank, for
// "auto" asks the CPU.
const Recipe& agreed(const Recipe& recipe, Precision backbone, Communicator& world);

// What a rank found where its recipe says that the data is.
struct FoundData {
  int64_t num_classes = 0, images = 0;
  uint64_t fingerprint = 0;         // ImageSource::fingerprint()
  std::vector<NamedValue> packs{};  // of verification: "NAME" and how many pairs
};
void require_same_data(const FoundData& found, Communicator& world);

}  // namespace partialfc
