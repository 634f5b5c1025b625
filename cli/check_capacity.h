// The part of `partialfc check` about what a run will need: room on the disk for its checkpoints, memory for its ranks.
//
//     checkpoint = rows alive × (record + 16 bytes of class and order) + blocks × 16 bytes
//                  + backbone, its optimizer's state
//     rows alive = C·(1 − (1 − r)^steps), the most that a run can have met; C where r = 1
//     on the disk: checkpoint.keep of them and the one being written, beside them, where centers are in a file, this host's part of the
//     working file
//
// Checkpoints share files of rows that did not change: they take less where few classes change between two.
// Memory: partialfc/plan/memory_model.h.
#pragma once

#include <filesystem>

#include "cli/check_list.h"
#include "trainer/recipe_shape.h"

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

void check_rank_memory(const TrainingShape& shape, int ranks_here, CheckList& list);

// Threads of one of so many ranks on this host.
int threads_of_rank(int ranks_here);

}  // namespace partialfc
