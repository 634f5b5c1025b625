// Memory of the rank that needs the most, by item: resident bytes after enough steps that every class has been met.
//
//     centers, optimizer_state   ⌈blocks / R⌉ blocks of classes × D × 4 or 2 bytes; the latter once for SGD, twice for AdamW
//     slot_table                 4 bytes a class, 12 where centers are in a file
//     class_lists                of the active classes: slots, positions, addresses, norms, sorting
//     kept_values                E of S classes and N samples, padded, up to kept_bytes
//     partial_sums               U (N, D) of each thread
//     features                   x̂ and weighted x̂, as the kernels want them; messages of the three collectives
//     saving                     copies of rows that change while a checkpoint is written, and what is on its way to the disk
//     backbone_state             parameters, gradients, optimizer's state
//     activations                models/activation_memory.h, and the allocator's slack on them
//     batches                    pixels: those that the loader makes, the one in training
//     program                    libtorch, MPI and the program themselves
#pragma once

#include <string>
#include <vector>

#include "partialfc/plan/machine.h"
#include "partialfc/plan/training_shape.h"

namespace partialfc {

struct MemoryItem {
  std::string name;
  int64_t bytes = 0;
};

// Items of the head alone, as `partialfc bench head` has them, and of the whole run.
std::vector<MemoryItem> head_memory(const TrainingShape& shape);
std::vector<MemoryItem> training_memory(const TrainingShape& shape, const Machine& machine);

int64_t total_bytes(const std::vector<MemoryItem>& items);
int64_t bytes_of(const std::vector<MemoryItem>& items, const std::string& name);

// The fewest parts of a rank's batch with which a run takes at most nine tenths of machine.memory_bytes, as runs are within
// a tenth of the model; where no number does, the most there are, of two images each.
int64_t fewest_micro_batches(TrainingShape shape, const Machine& machine);

}  // namespace partialfc
