// How fast images come: from the disk, from memory, out of their encoding, out of the loader; and which of these bounds a
// run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "measure/decode_rates.h"
#include "measure/disk_rates.h"
#include "trainer/recipe.h"

namespace partialfc {

struct IoOptions {
  std::filesystem::path rec;
  LoaderOptions loader;  // shards where `by_shards` says so
  bool by_shards = false;
  int64_t shard_bytes = 0, window_shards = 0;
  double seconds = 3;  // that each part is measured for, about
};

// The input of a recipe. threads: 0: the recipe's, or half of the cores, as in training. Throws UsageError where it has no
// .rec file to measure.
IoOptions io_options_of(const Recipe& recipe, int threads);

struct IoFigures {
  int64_t images = 0;             // of the set
  double image_bytes = 0;         // of its file, an image
  std::optional<DiskRates> disk;  // none where the file is in memory
  IoRate memory;                  // encoded images in the system's cache, on all threads
  DecodeRates decoding;
};

IoFigures measure_io(const IoOptions& options);

// The part that is slowest, and a line about it.
struct IoBound {
  std::string part;  // disk, cores or training
  std::string line;
};

// needs: images/s that training could take; 0: not known.
IoBound io_bound(const IoFigures& figures, int loader_threads, double needs);

}  // namespace partialfc
