// Class centers on disk: safetensors files, each of one rank. A base holds all living rows of its rank; the deltas
// after it hold the rows that changed, or came to life, since the file before.
//
//     blocks    I64 (k, 2)          a block of classes, and how many of the rows below are of it; rising blocks
//     classes   I64 (n)             class ids, block by block, in the order of their positions
//     order     I64 (n)             its slot: when it came to life among the rows of its rank, or by position (a device)
//     records   F32 or BF16 (n, R)  [w | optimizer state]
//
// Rows that never came to life are left out: their centers are what the generator says. Rows are cut by block, never by
// rank, so that any number of ranks reads what any number has written. Metadata: num_classes, dim, record_size,
// precision, seed, updates.
#pragma once

#include <filesystem>
#include <span>

#include "partialfc/head/partial_fc.h"

namespace partialfc {

// Writes a base of this rank's rows, at once. center_snapshot.h writes beside training, and deltas.
void write_centers(const std::filesystem::path& path, PartialFC& head, ThreadTeam& team);

// Reads from `files`, a checkpoint's files in its order, the rows that belong to this rank, into a head that has taken
// no step yet; of a row that is in several files the last counts. Rows come to life in the order they had, so that a
// run on as many ranks goes on bit for bit. Throws Error with both values where the files are of another head.
void read_centers(std::span<const std::filesystem::path> files, PartialFC& head, ThreadTeam& team);

}  // namespace partialfc
