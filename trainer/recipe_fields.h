// The list of a recipe's fields: visit(name, field, limits, help) for each. Limits of numbers are inclusive; of strings,
// the allowed values.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "trainer/recipe.h"

namespace partialfc {

constexpr double kUnbounded = 1e15;  // counts have this for a limit, which is none

struct Limits {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  std::vector<std::string> choices;
  bool is_path = false;
};

template <class Recipe, class Visitor>
void for_each_field(Recipe& r, Visitor&& visit) {
  const Limits any, positive{1, kUnbounded}, not_negative{0, kUnbounded}, share{0, 1}, path{.is_path = true};
  const auto one_of = [](std::vector<std::string> choices) { return Limits{.choices = std::move(choices)}; };

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
  visit("data.threads", r.data.threads, Limits{0, 1024}, "loader threads a rank; 0: chosen from the cores");
  visit("data.prefetch", r.data.prefetch, Limits{1, 1024}, "batches made ahead");
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

  const auto names = backbone_names();
  visit("backbone.name", r.backbone.name, one_of({names.begin(), names.end()}), "the network");
  visit("backbone.embedding", r.backbone.embedding, Limits{1, 65536}, "dimensions");
  visit("backbone.dropout", r.backbone.dropout, Limits{0, 0.99}, "before the last linear layer");
  visit("backbone.width", r.backbone.width, Limits{1, 4096}, "small: channels of its first stage");
  visit("backbone.stages", r.backbone.stages, Limits{1, 6}, "small: stages, each halves height and width");
  visit("backbone.depth", r.backbone.depth, Limits{1, 100}, "small: blocks of a stage");
  visit("backbone.stem_stride", r.backbone.stem_stride, Limits{1, 2},
        "small: stride of the first convolution");

  visit("head.sample_rate", r.head.sample_rate, Limits{1e-12, 1}, "share of the classes in a step");
  visit("head.scale", r.head.scale, Limits{1e-3, 1e4}, "s, by which cosines become logits");
  visit("head.margin", r.head.margin, one_of(margin_names()),
        "without: what m1, m2, m3 say; arcface where none of them is given");
  visit("head.m1", r.head.m1, Limits{1e-3, 16}, "multiplies the target's angle; sphereface: 1.35");
  visit("head.m2", r.head.m2, Limits{0, 3.14}, "added to the target's angle; arcface: 0.5");
  visit("head.m3", r.head.m3, Limits{-1, 1}, "taken from the target's cosine; cosface: 0.4");
  visit("head.detached", r.head.detached, any, "margin without its derivative, as the PyTorch peer has it");
  visit("head.filter_above", r.head.filter_above, Limits{-1, 1},
        "negatives with a larger cosine are left out; 1: none");
  visit("head.precision", r.head.precision, one_of({"fp32", "bf16"}), "of products and stored centers");
  visit("head.kept_memory", r.head.kept_memory, Limits{0, 1e6},
        "GiB that a rank may keep from forward to update; what is past it is computed again");
  visit("head.store", r.head.store, one_of({"memory", "file"}), "where the centers are");
  visit("head.store_folder", r.head.store_folder, path, "file: of its working file; empty: the run's");
  visit("head.store_memory", r.head.store_memory, Limits{1e-3, 1e6}, "file: GiB that a rank keeps in memory");

  visit("optimizer.name", r.optimizer.name, one_of({"sgd", "adamw"}), "of backbone and centers");
  visit("optimizer.learning_rate", r.optimizer.learning_rate, Limits{0, 1e3}, "highest of the schedule");
  visit("optimizer.reference_batch", r.optimizer.reference_batch, not_negative,
        "scale the rate by the global batch over this; 0: do not");
  visit("optimizer.momentum", r.optimizer.momentum, Limits{0, 0.9999}, "sgd: of the gradients before");
  visit("optimizer.weight_decay", r.optimizer.weight_decay, Limits{0, 1},
        "of all weights, and of the centers in a step");
  visit("optimizer.beta1", r.optimizer.beta1, Limits{0, 0.9999}, "adamw: decay of the gradients' mean");
  visit("optimizer.beta2", r.optimizer.beta2, Limits{0, 0.999999},
        "adamw: decay of the mean of their squares");
  visit("optimizer.epsilon", r.optimizer.epsilon, Limits{1e-30, 1}, "adamw: added to the root of it");
  visit("optimizer.clip_norm", r.optimizer.clip_norm, Limits{0, 1e9},
        "largest norm of the backbone's gradient; 0: any");

  visit("schedule.policy", r.schedule.policy, one_of({"constant", "step", "polynomial"}),
        "course of the learning rate");
  visit("schedule.warmup_steps", r.schedule.warmup_steps, not_negative, "steps of linear warm-up");
  visit("schedule.milestones", r.schedule.milestones, not_negative, "step: at these steps the rate falls");
  visit("schedule.gamma", r.schedule.gamma, Limits{0, 1}, "step: by this factor");
  visit("schedule.power", r.schedule.power, Limits{0, 10}, "polynomial: its exponent");

  visit("train.steps", r.train.steps, not_negative, "length of the run; or");
  visit("train.epochs", r.train.epochs, Limits{0, 1e9}, "length of the run");
  visit("train.global_batch", r.train.global_batch, not_negative, "samples of a step, over all ranks; or");
  visit("train.batch_per_rank", r.train.batch_per_rank, not_negative, "samples of a step on each rank");
  visit("train.micro_batches", r.train.micro_batches, not_negative,
        "parts in which a rank's batch goes through the backbone; 0: as many as memory asks for");
  visit("train.precision", r.train.precision, one_of({"auto", "fp32", "bf16"}),
        "of the backbone; auto: bf16 where the CPU has it");
  visit("train.channels_last", r.train.channels_last, any, "memory layout of activations");
  visit("train.seed", r.train.seed, Limits{0, 9e15}, "of everything that is drawn");
  visit("train.log_every", r.train.log_every, positive, "steps from one line of progress to the next");

  visit("verification.every", r.verification.every, not_negative, "steps; 0: at the end only");
  visit("verification.batch", r.verification.batch, positive, "images at once on a rank");
  visit("verification.mirror", r.verification.mirror, any, "add the mirror image's embedding");
  visit("verification.packs", r.verification.packs, path, "NAME = \"FILE.bin\"");

  visit("checkpoint.every", r.checkpoint.every, not_negative, "steps; 0: at the end only");
  visit("checkpoint.keep", r.checkpoint.keep, positive, "newest checkpoints to keep");
}

}  // namespace partialfc
