// What `partialfc plan --measure` finds out about this machine in a few seconds: short runs of the code that trains.
#pragma once

#include "partialfc/comm/communicator.h"
#include "partialfc/plan/machine_inputs.h"
#include "partialfc/plan/training_shape.h"

namespace partialfc {

// Collective over `world`, all ranks of which measure at once, with shape.threads threads each. The batch of a rank, the
// global batch, dimensions and precisions are those of `shape`; classes are so few that it takes seconds.
MeasuredRates measure_rates(const TrainingShape& shape, bool channels_last, Communicator& world);

}  // namespace partialfc
