// The reduction of several vectors of a device. Internal to comm/.
#pragma once

#include "partialfc/comm/collective.h"
#include "partialfc/device/stream.h"

namespace partialfc {

constexpr int kMostReduced = 64;  // vectors at once

// The vectors that are reduced, of memory that the device can read: element i of vector r is at sources[r] + i.
struct ReducedSources {
  const void* sources[kMostReduced];
  int count = 0;
};

// out[i] ← sources[0][i] op sources[1][i] op …, i < n, in this order: as combine() of host_collective.h has it. out is none
// of the sources.
void reduce_on_device(const ReducedSources& sources, void* out, int64_t n, DataType type, ReduceOp op,
                      Stream& stream);

}  // namespace partialfc
