// What a disk can do for a file store at best: reading and writing back rows at random places of a file, in rising order,
// with a number of transfers on their way at once, and nothing else to do.
#pragma once

#include <cstdint>
#include <filesystem>

#include "partialfc/base/reserved_memory.h"
#include "partialfc/base/scratch_file.h"

namespace partialfc {

class RowPattern {
 public:
  // Writes the whole file, so that no row is a hole that a file system answers without asking the disk.
  RowPattern(const std::filesystem::path& folder, int64_t file_bytes, int64_t record_bytes);

  // Seconds to read and write back `rows` distinct rows, drawn uniformly with `seed`; adjacent ones in one transfer.
  // `depth` transfers at once. Use another seed each time: a disk may have a memory of its own.
  double seconds(int64_t rows, int depth, uint64_t seed) const;

 private:
  static constexpr int64_t kMostRowsOfTransfer = 32;

  ScratchFile file_;
  int64_t stride_;  // record_bytes, aligned
  int64_t rows_;    // of the file
};

}  // namespace partialfc
