// What memory and time of a run follow from, as its recipe has it.
#pragma once

#include "partialfc/plan/training_shape.h"
#include "trainer/recipe.h"

namespace partialfc {

// A recipe that leaves data.classes to its data gets the number from there: the data is opened. Throws UsageError where
// so many ranks cannot train it.
TrainingShape shape_of(const Recipe& recipe, int ranks, int threads);
// The same where `classes` are known.
TrainingShape shape_of(const Recipe& recipe, int64_t classes, int ranks, int threads);

// Parts in which train.micro_batches = 0 would have a rank of so much memory send its share through the backbone.
int64_t micro_batches_of(const TrainingShape& shape, int64_t rank_memory);

// Resident before anything is trained, of a run that has not been measured.
int64_t program_memory();

}  // namespace partialfc
