// The arithmetic of collective operations on host memory.
#pragma once

#include <span>

#include "partialfc/comm/collective.h"

namespace partialfc {

// accumulator[i] = accumulator[i] op values[i], i < count. Sums come out the same on all ranks and for every
// implementation that combines in the order of the ranks; a sum of bfloat16 is taken in float32 and rounded at once, to
// the nearest, to even where two are equally near. The maximum or minimum of a NaN is unspecified.
void combine(void* accumulator, const void* values, int64_t count, DataType type, ReduceOp op);

// Does the work of one operation whose ranks share this memory: calls (ranks), all the same operation. Combines in the
// order of the ranks.
void perform(std::span<const CollectiveCall> calls);

}  // namespace partialfc
