// A forecast of the memory that a backbone's activations take in a training step.
#pragma once

#include <cstdint>

#include "partialfc/base/precision.h"
#include "partialfc/models/graph.h"

namespace partialfc {

// Bytes an image: what backward needs, that is each activation which a convolution, linear layer, batch normalisation or
// dropout reads, and three times the largest for what comes and goes beside it.
int64_t activation_bytes(const Graph& graph, Precision precision);

}  // namespace partialfc
