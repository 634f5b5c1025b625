// Packs an ImageSource (a folder, a list, another .rec) into a RecordIO set for training:
//
//   PREFIX.rec, PREFIX.idx     images in the source's order, keys from 0, plain layout (record_source.h)
//   property                   num_classes,height,width; height and width 0 where the images differ in size
//   PREFIX.classes.txt         lines "label \t name", where the source knows names
//
// Each file appears whole or not at all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "partialfc/data/image_source.h"
#include "partialfc/data/skip_report.h"

namespace partialfc {

enum class PackEncoding {
  kKeep,  // the bytes as they are, except where the image is resized: then PNG
  kPng,
  kJpeg,
};

struct PackOptions {
  int height = 0;  // 0: sizes are kept
  int width = 0;
  int channels = 3;  // of images that are encoded anew: 1 gray, 3 RGB
  PackEncoding encoding = PackEncoding::kKeep;
  int quality = 95;  // of JPEG, 1 … 100
  int threads = 1;
  double max_skipped = 0.001;  // share of unusable images that is borne, see SkipReport::check
};

// Called from the packing thread, now and then and at the end, with images done and images in all.
using PackProgress = std::function<void(int64_t done, int64_t total)>;

// `prefix` is a path without extension; its folder is made. Every image is decoded, so that none in the set is damaged;
// those that cannot be are left out and reported. Error where the folder holds another set: `property` is of all of it.
SkipReport pack_images(const ImageSource& source, const std::filesystem::path& prefix,
                       const PackOptions& options, const PackProgress& progress = {});

}  // namespace partialfc
