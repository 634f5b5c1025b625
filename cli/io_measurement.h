// How fast images come: from the disk, from memory, out of their encoding, out of the loader.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "partialfc/data/loader.h"

namespace partialfc {

struct IoOptions {
  std::filesystem::path rec;
  LoaderOptions loader;  // shards where `by_shards` says so
  bool by_shards = false;
  int64_t shard_bytes = 0, window_shards = 0;
  double seconds = 3;  // that each part is measured for, about
};

struct IoRate {
  double images_per_second = 0;
  double bytes_per_second = 0;  // of encoded images; of the file where it is read forward
};

struct IoFigures {
  int64_t images = 0;      // of the set
  double image_bytes = 0;  // of its file, an image
  // With nothing of the file in the system's cache; none where the file is in memory.
  struct Disk {
    IoRate in_order;  // as training takes them, on all threads
    IoRate forward;   // record after record
    IoRate bare;      // the file in large pieces, as dd reads it
  };
  std::optional<Disk> disk;
  IoRate memory;   // in the system's cache, on all threads
  IoRate decode;   // on one core, as are the next two
  IoRate augment;  // and resizing
  std::optional<IoRate>
      bare_decode;       // libjpeg-turbo alone, in turn with decode; none where images are not JPEG
  IoRate decode_on_all;  // decode, on all threads at once
  IoRate loader;         // images in the system's cache, on all threads
};

IoFigures measure_io(const IoOptions& options);

}  // namespace partialfc
