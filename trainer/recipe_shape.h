// What memory and time of a run follow from, as its recipe has it.
#pragma once

#include "partialfc/plan/machine.h"
#include "partialfc/plan/training_shape.h"
#include "trainer/recipe.h"

namespace partialfc {

// A recipe that leaves data.classes to its data gets the number from there: the data is opened. Throws UsageError where
// so many ranks cannot train it.
TrainingShape shape_of(const Recipe& recipe, int ranks, int threads);
// The same where `classes` are known.
TrainingShape shape_of(const Recipe& recipe, int64_t classes, int ranks, int threads);

// Steps over which the rows of a checkpoint are copied while training goes on: about half of those to the next.
int64_t steps_to_save(const Recipe::Checkpoint& checkpoint);

// Of a recipe's sizes of memory.
int64_t bytes_of_gib(double gib);

// What the ranks of this host can have in all: what is free, and what as many `processes` as this one, which are the ranks
// or make room for them, have already.
int64_t memory_for_ranks(int processes);
// Resident before anything is trained, of a run that has not been measured.
int64_t program_memory();
// The memory of one of `ranks` on this host, where nothing has been measured.
Machine memory_of_rank(int processes, int ranks);

}  // namespace partialfc
