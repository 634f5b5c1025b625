// The list of a recipe's fields: visit(name, field, limits, help) for each.
#pragma once

#include "trainer/recipe.h"
#include "trainer/recipe_data_fields.h"
#include "trainer/recipe_limits.h"

namespace partialfc {

template <class Recipe, class Visitor>
void for_each_field(Recipe& r, Visitor&& visit) {
  const Limits any, positive{1, kUnbounded}, not_negative{0, kUnbounded}, share{0, 1}, path{.is_path = true};

  for_each_data_field(r, visit);

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
  visit("head.kept_memory", r.head.kept_memory, Limits{.low = 0, .high = 1e6, .per_host = true},
        "GiB that a rank may keep from forward to update; what is past it is computed again");
  visit("head.store", r.head.store, one_of({"memory", "file"}), "where the centers are");
  visit("head.store_folder", r.head.store_folder, path, "file: of its working file; empty: the run's");
  visit("head.store_memory", r.head.store_memory, Limits{.low = 1e-3, .high = 1e6, .per_host = true},
        "file: GiB that a rank keeps in memory");
  visit("head.frame_memory", r.head.frame_memory, Limits{.low = 0, .high = 1e6, .per_host = true},
        "on a GPU: GiB there for the rows in use, the others lie in the host's memory; 0: all lie there");

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
        "of the backbone; auto: bf16 where the device has it");
  visit("train.device", r.train.device, one_of({"auto", "cpu", "cuda", "cuda:N"}),
        "cpu; cuda: each rank of a host takes a GPU of its own; cuda:N; auto: cpu so far");
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
