#include "trainer/trainer.h"

#include <torch/utils.h>

#include <algorithm>
#include <cmath>

#include "partialfc/base/error.h"
#include "partialfc/base/file.h"
#include "partialfc/base/trace.h"
#include "partialfc/data/loader.h"
#include "partialfc/data/synthetic_stream.h"
#include "partialfc/device/runtime.h"
#include "partialfc/plan/memory_model.h"
#include "trainer/cpu_features.h"
#include "trainer/data_cache.h"
#include "trainer/load_model.h"
#include "trainer/recipe_shape.h"

namespace partialfc {

namespace {

OptimizerOptions optimizer_options(const Recipe::Optimizer& o) {
  return {.kind = o.name == "sgd" ? OptimizerOptions::Kind::kSgd : OptimizerOptions::Kind::kAdamW,
          .momentum = static_cast<float>(o.momentum),
          .weight_decay = static_cast<float>(o.weight_decay),
          .beta1 = static_cast<float>(o.beta1),
          .beta2 = static_cast<float>(o.beta2),
          .epsilon = static_cast<float>(o.epsilon)};
}

std::optional<FileStoreOptions> file_store_options(const Recipe::Head& h,
                                                   const std::filesystem::path& output) {
  if (h.store == "memory") return std::nullopt;
  return FileStoreOptions{.folder = h.store_folder.empty() ? output : std::filesystem::path(h.store_folder),
                          .memory_bytes = bytes_of_gib(h.store_memory)};
}

}  // namespace

Trainer::Trainer(const Recipe& recipe, Communicator& world, const TrainOptions& options)
    : device_(recipe.train.device, world),
      precision_(backbone_precision(recipe.train.precision, device_.name())),
      recipe_(agreed(recipe, precision_, world)),
      options_(options),
      world_(world),
      world_batch_(batch_in_world(recipe, world.size())),
      team_(options.threads) {
  torch::set_num_threads(options.threads);
  name_trace_thread(world.rank(), "trainer");
  for (const auto& [name, path] : recipe.verification.packs) {
    packs_.push_back({name, read_verification_pack(path)});
    check_pack(packs_.back().pack, path, static_cast<int>(recipe.data.channels), team_, world);
  }
  open_data();
  // A rank that found its share of a pack wrong has thrown: nothing is made then.
  require_same_data(what_was_found(), world);
  const Machine memory =
      memory_of_rank(world.ranks_on_host(), world.ranks_on_host());  // before any takes more
  if (is_first()) prepare_run_folder(options.output, options.start);
  require_shared_folder(options.output, world);
  network_ = std::make_unique<Network>(make_backbone(recipe.backbone_options()),
                                       NetworkOptions{.precision = precision_,
                                                      .channels_last = recipe.train.channels_last,
                                                      .seed = static_cast<uint64_t>(recipe.train.seed),
                                                      .device = device_.backbone()});
  gradient_channel_.emplace(world, "gradients", device_.backbone_stream());
  reducer_ = std::make_unique<GradientReducer>(*network_, *gradient_channel_);
  optimizer_ =
      std::make_unique<BackboneOptimizer>(*network_, optimizer_options(recipe.optimizer),
                                          recipe.optimizer.clip_norm, team_, device_.backbone_stream());
  head_ = std::make_unique<HeadOfRank>(
      PartialFCOptions{.num_classes = num_classes_,
                       .dim = recipe.backbone.embedding,
                       .max_batch = world_batch_.largest_share(),
                       .sample_rate = recipe.head.sample_rate,
                       .seed = static_cast<uint64_t>(recipe.train.seed),
                       .precision = precision_of(recipe.head.precision),
                       .margin = recipe.margin_options(),
                       .optimizer = optimizer_options(recipe.optimizer),
                       .file_store = file_store_options(recipe.head, options.output),
                       .kept_bytes = bytes_of_gib(recipe.head.kept_memory)},
      device_, bytes_of_gib(recipe.head.frame_memory), world, team_);
  fit_into_memory(memory);
  saver_ =
      std::make_unique<CheckpointSaver>(options.output, recipe.checkpoint.keep, head_->layer(), world, team_);
  total_steps_ = steps_in_all();
  if (options.start == StartMode::kResume) resume();
  if (is_first()) {
    if (options.start == StartMode::kOverwrite) clear_run_folder(options.output);
    write_file_atomically(options.output / kLaunchFile, options.launch_id);
    write_file_atomically(options.output / kRecipeFile, to_toml(recipe));
    truncate_metrics(options.output, step_);
    log_ = std::make_unique<RunLog>(options.output);
  }
  tell_what_is_trained();
}

Trainer::~Trainer() = default;

void Trainer::open_data() {
  const Recipe::Data& data = recipe_.data;
  if (data.source == "synthetic") {
    num_classes_ = data.classes;
    dataset_size_ = data.classes;
  } else {
    if (data.cache == "ram") cached_.emplace(cache_data(data.path, data.cache_folder, world_, options_.stop));
    source_ = open_image_source(cached_ ? cached_->rec() : std::filesystem::path(data.path));
    if (data.order == "shards")
      shards_ = shards_of(*source_, data.shard_megabytes * 1'000'000, data.window_shards);
    dataset_size_ = source_->size();
    num_classes_ = data.classes > 0 ? data.classes : source_->num_classes();
  }
}

FoundData Trainer::what_was_found() const {
  FoundData found{.num_classes = num_classes_,
                  .images = dataset_size_,
                  .fingerprint = source_ ? source_->fingerprint() : 0};
  for (const Pack& pack : packs_)
    found.packs.push_back({pack.name, fmt::format("{} pairs", pack.pack.same.size())});
  return found;
}

// The forecast of `partialfc plan`, and where the recipe leaves it to memory what plan would choose. The rank with the
// least memory decides for all.
void Trainer::fit_into_memory(Machine memory) {
  const auto most = [&](int64_t value) {
    world_.all_reduce(std::span(&value, 1), ReduceOp::kMax).wait();
    return value;
  };
  memory.memory_bytes = -most(-memory.memory_bytes);
  memory.program_bytes = most(memory.program_bytes);
  // What a host decides for itself counts too: threads, batches made ahead, what may be kept.
  TrainingShape shape = shape_of(recipe_, num_classes_, world_.size(), options_.threads);
  shape.backbone_precision = precision_;
  const auto activations = [&] { return bytes_of(training_memory(shape, memory), "activations"); };
  // Into what a GPU has left activations alone have to fit: the rest, of the host, counts as given.
  if (device_.has_backbone())
    memory.memory_bytes = -most(-runtime::free_memory(device_.name().ordinal)) +
                          total_bytes(training_memory(shape, memory)) - activations();
  if (recipe_.train.micro_batches == 0)
    world_batch_.micro_batches = shape.micro_batches = most(fewest_micro_batches(shape, memory));
  const int64_t total = most(total_bytes(training_memory(shape, memory)));
  const auto gib = [](int64_t bytes) { return static_cast<double>(bytes) / (1 << 30); };
  const std::string parts =
      fmt::format("{} part{}", shape.micro_batches, shape.micro_batches == 1 ? "" : "s");
  if (device_.has_backbone())
    tell(fmt::format("memory: about {:.2f} GiB of activations on {} in {}, of {:.2f} GiB free",
                     gib(activations()), to_string(device_.name()), parts,
                     gib(memory.memory_bytes - total + activations())));
  else
    tell(fmt::format("memory: about {:.2f} GiB a rank in {}, {:.2f} GiB of it activations, of {:.2f} GiB",
                     gib(total), parts, gib(activations()), gib(memory.memory_bytes)));
  if (total > memory.memory_bytes)
    tell("memory: that is more than there is; `partialfc plan` says what takes it");
}

// Epochs count samples: a run resumed with another batch ends where it would have ended.
int64_t Trainer::steps_in_all() const {
  if (recipe_.train.steps > 0) return recipe_.train.steps;
  const double samples_left =
      recipe_.train.epochs * static_cast<double>(dataset_size_) - static_cast<double>(samples_);
  return step_ + static_cast<int64_t>(
                     std::ceil(std::max(0.0, samples_left) / static_cast<double>(world_batch_.global)));
}

TrainOutcome Trainer::run() {
  try {
    return run_steps();
  } catch (const c10::OutOfMemoryError& error) {
    const int64_t parts = world_batch_.micro_batches;
    fail(
        "step {}: no memory left on {}: train.micro_batches = {} in place of {} takes half as much for activations (at "
        "least two images a part), verification.batch less in verification, head.kept_memory less for the head\n  {}",
        step_ + 1, to_string(device_.name()), 2 * parts, parts, error.what_without_backtrace());
  }
}

TrainOutcome Trainer::run_steps() {
  const StreamOptions stream{.height = static_cast<int>(recipe_.data.height),
                             .width = static_cast<int>(recipe_.data.width),
                             .channels = static_cast<int>(recipe_.data.channels),
                             .global_batch = world_batch_.global,
                             .world_size = world_.size(),
                             .rank = world_.rank(),
                             .start_position = samples_,
                             .seed = static_cast<uint64_t>(recipe_.train.seed)};
  if (recipe_.data.source == "synthetic") {
    stream_ = std::make_unique<SyntheticStream>(stream, num_classes_);
  } else {
    const int64_t threads =
        recipe_.data.threads > 0 ? recipe_.data.threads : std::max(1, options_.threads / 2);
    stream_ =
        std::make_unique<Loader>(source_, LoaderOptions{.stream = stream,
                                                        .augment = recipe_.augment,
                                                        .shuffle = recipe_.data.shuffle,
                                                        .shards = shards_,
                                                        .threads = static_cast<int>(threads),
                                                        .prefetch = static_cast<int>(recipe_.data.prefetch),
                                                        .num_classes = num_classes_,
                                                        .max_skipped = recipe_.data.max_skipped});
  }
  const int64_t first_step = step_;
  bool saved = false;
  meter_.restart();
  while (step_ < total_steps_ && !stop_asked_) {
    train_step();
    saved = false;
    meter_.pause();
    if (is_due(recipe_.checkpoint.every)) begin_save(), saved = true;
    if (is_due(recipe_.verification.every) && step_ < total_steps_) verify();
    meter_.resume();
  }
  if (step_ > first_step) {  // else the folder holds it all
    if (!saved) begin_save();
    saver_->finish();  // first: what goes wrong in verification must not cost the model
    if (step_ == total_steps_) verify();
  }
  tell_how_it_went();
  return step_ < total_steps_ ? TrainOutcome::kStopped : TrainOutcome::kFinished;
}

void Trainer::verify() {
  if (packs_.empty()) return;
  const TraceSpan span("verification");
  wait_for_device();
  EmbedOptions options{.batch = recipe_.verification.batch, .mirror = recipe_.verification.mirror};
  // Where memory decides how many images training takes at once, it has room for as many here.
  if (recipe_.train.micro_batches == 0) options.batch = std::min(options.batch, world_batch_.largest_part());
  for (const Pack& pack : packs_) {
    const VerificationResult result = verify_pack(*network_, options, team_, world_, pack.pack, pack.name);
    if (!is_first()) continue;
    const std::string prefix = "verification." + pack.name + ".";
    log_->metrics(step_, {{prefix + "accuracy", result.accuracy},
                          {prefix + "accuracy_std", result.accuracy_std},
                          {prefix + "tar_at_far_1e3", result.tar_at_far_1e3},
                          {prefix + "xnorm", result.xnorm},
                          {prefix + "threshold", result.best_threshold}});
    tell(fmt::format("step {}  verification {}: accuracy {:.4f} +- {:.4f}, TAR@FAR 1e-3 {:.4f}, {} pairs",
                     step_, pack.name, result.accuracy, result.accuracy_std, result.tar_at_far_1e3,
                     result.pairs));
  }
}

}  // namespace partialfc
