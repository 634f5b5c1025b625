// Class centers that do not fit in memory: rows live in a working file, those in use in frames of memory.
//
// A frame holds one record. A row moves into a frame when it is pinned or expected, and stays until its frame is needed
// for another row; if it was changed, it is written to the file before. Which rows leave: a hand walks the slots in
// rising order, round and round, and takes what is neither pinned nor expected. Negatives are drawn uniformly, so no rule
// of choice has more hits than frames/rows; this one lets neighbors leave together, in one write.
//
// The working file is scratch: it has no name while it is in use and is never read by another run. Moves run in the
// background, on threads of the store's own, past the page cache; adjacent slots move in one transfer. An error of
// theirs is thrown by every call that follows.
//
// The file grows with the rows alive, in steps of 256 MiB: locate() throws where the disk is full.
// Besides memory_bytes a store takes 4 bytes a class, 8 bytes a living row and 12 bytes a frame.
#pragma once

#include <cstdint>
#include <filesystem>

#include "partialfc/centers/host_store.h"

namespace partialfc {

struct FileStoreOptions {
  std::filesystem::path folder;  // of the working file; on a disk with room for all rows of this rank
  int64_t memory_bytes = 0;      // of the frames; the rows of one step must fit, those of two should
  int depth = 64;                // transfers on their way at once
};

// One caller at a time: locate(), expect(), pin() and unpin() are not thread-safe.
// Throws Error where the folder cannot be used; UsageError where not even one record fits in memory_bytes.
std::unique_ptr<HostCenterStore> make_file_store(const ClassPlacement& placement, Range positions,
                                                 const RecordLayout& layout, uint64_t seed,
                                                 const FileStoreOptions& options);

}  // namespace partialfc
