// Class centers on disk: one safetensors file a rank, cut by block of classes, so that any number of ranks can read
// what any number has written.
//
//     block.0007.classes   I64 (n)      ids of the living rows of block 7
//     block.0007.order     I64 (n)      when each came to life, among the rows of its rank
//     block.0007.records   F32 (n, R)   [w | optimizer state]
//
// Blocks without living rows are left out: their centers are what the generator says. Metadata: num_classes, dim,
// record_size, seed, updates.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "partialfc/head/partial_fc.h"

namespace partialfc {

std::string center_file_name(int rank, int world_size);  // "centers-00001-of-00002.safetensors"

// Writes the rows of this rank.
void write_centers(const std::filesystem::path& path, PartialFC& head, ThreadTeam& team);

// Reads from `files`, which together hold all blocks, the rows that belong to this rank, into a head that has taken no
// step yet. Rows come to life in the order they had, so that a run on as many ranks goes on bit for bit. Throws Error
// with both values where the files are of another head.
void read_centers(std::span<const std::filesystem::path> files, PartialFC& head, ThreadTeam& team);

}  // namespace partialfc
