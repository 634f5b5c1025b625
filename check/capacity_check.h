// The part of `partialfc check` about what a run will need: room on the disk for its checkpoints, memory for its ranks.
//
//     checkpoint = rows alive × (record + 16 bytes of class and order) + blocks × 16 bytes
//                  + backbone, its optimizer's state
//     rows alive = C·(1 − (1 − r)^steps), the most that a run can have met; C where r = 1
//     working file = rows alive × the record as the file has it, rounded up to the file system's blocks
//     on the disk: checkpoint.keep of them and the one being written; beside them, where centers are in a file, this
//     host's part of the working file
//
// Checkpoints share files of rows that did not change: they take less where few classes change between two.
// Memory: partialfc/plan/memory_model.h.
#pragma once

#include <filesystem>

#include "check/check_list.h"
#include "partialfc/plan/machine.h"
#include "partialfc/plan/training_shape.h"
#include "trainer/recipe.h"

namespace partialfc {

struct DataSize {
  int64_t classes = 0, images = 0;
};

// Tries to write into the folder, or, where it is not there, into the one that it would be made in.
void check_writable(const std::string& name, const std::filesystem::path& folder, CheckList& list);

// Room for the copy that data.cache = "ram" makes, once a host.
void check_cache(const Recipe& recipe, CheckList& list);

void check_disk(const Recipe& recipe, const TrainingShape& shape, const DataSize& data,
                const std::filesystem::path& output, int ranks_here, CheckList& list);

void check_rank_memory(const TrainingShape& shape, const Machine& machine, int ranks_here, CheckList& list);

// `folder`, or the nearest above it that is there.
std::filesystem::path existing_folder(const std::filesystem::path& folder);

}  // namespace partialfc
