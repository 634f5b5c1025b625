// The list of a recipe's fields, its first part: data and what is done to images. A part of recipe_fields.h.
#pragma once

#include "trainer/recipe_limits.h"

namespace partialfc {

template <class Recipe, class Visitor>
void for_each_data_field(Recipe& r, Visitor&& visit) {
  const Limits any, share{0, 1}, path{.is_path = true};

  visit("data.source", r.data.source, one_of({"files", "synthetic"}),
        "synthetic: random pixels, no I/O: to measure speed");
  visit("data.path", r.data.path, path, "images: a .rec file, a folder with a folder a class, or a list");
  visit("data.classes", r.data.classes, Limits{0, 1e12}, "number of classes; 0: as many as the data says");
  visit("data.height", r.data.height, Limits{1, 4096}, "pixels; images of another size are resized");
  visit("data.width", r.data.width, Limits{1, 4096}, "pixels");
  visit("data.channels", r.data.channels, Limits{1, 3}, "1 gray, 3 RGB");
  visit("data.shuffle", r.data.shuffle, any, "a new order each epoch");
  visit("data.order", r.data.order, one_of({"full", "shards"}),
        "shards: pieces of a .rec in a shuffled order, mixed in memory; reads forward");
  visit("data.shard_megabytes", r.data.shard_megabytes, Limits{1, 1e6}, "shards: MB read in one piece");
  visit("data.window_shards", r.data.window_shards, Limits{1, 1e6},
        "shards: so many are mixed; two windows are in memory on each host");
  visit("data.cache", r.data.cache, one_of({"none", "ram"}),
        "ram: one copy of the .rec in the host's memory");
  visit("data.cache_folder", r.data.cache_folder, path, "ram: where, a file system in memory");
  visit("data.threads", r.data.threads, Limits{.low = 0, .high = 1024, .per_host = true},
        "loader threads a rank; 0: chosen from the cores");
  visit("data.prefetch", r.data.prefetch, Limits{.low = 1, .high = 1024, .per_host = true},
        "batches made ahead");
  visit("data.max_skipped", r.data.max_skipped, share,
        "share of unusable images above which training stops; 100 are always borne");

  visit("augment.mirror", r.augment.mirror, share,
        "probability of a mirror image; 0 where mirror images are other classes");
  visit("augment.shift", r.augment.shift, Limits{0, 4096}, "random crop after padding by so many pixels");
  visit("augment.rotate", r.augment.rotate, Limits{0, 180}, "degrees to each side");
  visit("augment.scale", r.augment.scale, Limits{0, 0.99}, "0.1: by 0.9 to 1.1");
  visit("augment.shear", r.augment.shear, Limits{0, 80}, "degrees to each side");
  visit("augment.translate", r.augment.translate, Limits{0, 4096}, "pixels in each direction");
  visit("augment.repeat_border", r.augment.repeat_border, any,
        "outside the image: its nearest pixel, else fill");
  visit("augment.fill", r.augment.fill, Limits{0, 255}, "value outside the image");
  visit("augment.low_resolution", r.augment.low_resolution, share,
        "probability of shrinking and enlarging again");
  visit("augment.low_resolution_min", r.augment.low_resolution_min, Limits{0.01, 1}, "smallest factor of it");
  visit("augment.blur", r.augment.blur, share, "probability of a Gaussian blur");
  visit("augment.blur_sigma", r.augment.blur_sigma, Limits{0, 100}, "its largest standard deviation, pixels");
  visit("augment.brightness", r.augment.brightness, share, "factor of 1 +- this");
  visit("augment.contrast", r.augment.contrast, share, "factor of 1 +- this");
  visit("augment.saturation", r.augment.saturation, share, "factor of 1 +- this");
  visit("augment.gray", r.augment.gray, share, "probability of losing the colours");
  visit("augment.erase", r.augment.erase, share, "probability of an erased rectangle");
  visit("augment.erase_area", r.augment.erase_area, share, "its largest share of the image");
}

}  // namespace partialfc
