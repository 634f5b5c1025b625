// Saving and resuming a run, and what it tells on the way.
#include <algorithm>
#include <array>

#include "partialfc/base/error.h"
#include "partialfc/base/file.h"
#include "partialfc/base/trace.h"
#include "partialfc/checkpoint/center_files.h"
#include "partialfc/comm/gather_texts.h"
#include "trainer/rank_balance.h"
#include "trainer/recipe_shape.h"
#include "trainer/trainer.h"
#include "trainer/weights.h"

namespace partialfc {

namespace {

constexpr const char* kUpdates = "updates";
constexpr const char* kGlobalBatch = "global_batch";  // with which the checkpoint was reached

// The recipe's values that a checkpoint is bound to: another value needs another run.
struct BoundValue {
  const char* key;
  std::string value;
};

std::vector<BoundValue> bound_values(const Recipe& recipe, int64_t num_classes, int64_t dataset_size) {
  const auto text = [](auto value) { return fmt::format("{}", value); };
  return {{"data.classes", text(num_classes)},
          {"data.images", text(dataset_size)},
          {"data.height", text(recipe.data.height)},
          {"data.width", text(recipe.data.width)},
          {"data.channels", text(recipe.data.channels)},
          {"backbone.name", recipe.backbone.name},
          {"backbone.embedding", text(recipe.backbone.embedding)},
          {"backbone.width", text(recipe.backbone.width)},
          {"backbone.stages", text(recipe.backbone.stages)},
          {"backbone.depth", text(recipe.backbone.depth)},
          {"backbone.stem_stride", text(recipe.backbone.stem_stride)},
          {"optimizer.name", recipe.optimizer.name},
          {"train.seed", text(recipe.train.seed)}};
}

// As the recipe of the checkpoint had it; "" where the checkpoint has no recipe.
std::string margin_saved_in(const Manifest& manifest) {
  const std::string toml = manifest.recipe.value("toml", "");
  if (toml.empty()) return "";
  return describe(resolve_margin(parse_recipe(toml, kManifestName, "/", {}).margin_options()));
}

// "" on the CPU.
std::string where(const ComputeDevice& device) {
  if (!device.name().is_gpu) return "";
  return fmt::format(", on {} ({}){}", to_string(device.name()),
                     runtime::properties(device.name().ordinal).name,
                     device.has_backbone() ? "" : "; the backbone is on the CPU");
}

}  // namespace

nlohmann::json Trainer::recipe_in_manifest() const {
  nlohmann::json values;
  for (const BoundValue& bound : bound_values(recipe_, num_classes_, dataset_size_))
    values[bound.key] = bound.value;
  values[kGlobalBatch] = world_batch_.global;
  values["toml"] = to_toml(recipe_);
  return values;
}

// The backbone, which is small, is written at once; the centers while training goes on, until about half of the steps
// to the next checkpoint are done. A run that saves at its end alone has no step to be done by: its pieces stay
// small.
void Trainer::begin_save() {
  const TraceSpan span("checkpoint.begin");
  wait_for_device();
  constexpr int64_t kNoHurry = 1 << 20;
  saver_->begin({.step = step_,
                 .samples = samples_,
                 .seed = static_cast<uint64_t>(recipe_.train.seed),
                 .recipe = recipe_in_manifest()},
                {.steps = recipe_.checkpoint.every > 0 ? steps_to_save(recipe_.checkpoint) : kNoHurry});
  if (!is_first()) return;
  write_weights(saver_->add_file(kBackboneFile), *network_, {});
  write_optimizer_state(saver_->add_file(kOptimizerFile), *network_, optimizer_->states(),
                        {{kUpdates, std::to_string(optimizer_->updates())}});
}

void Trainer::resume() {
  const LatestCheckpoint latest =
      options_.latest ? *options_.latest : latest_checkpoint(options_.output, world_);
  for (const std::string& reason : latest.skipped) tell("passed over a damaged checkpoint: " + reason);
  if (!latest.checkpoint)
    fail("{}: no whole checkpoint to resume from; start anew with --overwrite", options_.output.string());
  const auto& [folder, manifest] = *latest.checkpoint;
  for (const BoundValue& bound : bound_values(recipe_, num_classes_, dataset_size_)) {
    const std::string saved = manifest.recipe.value(bound.key, "");
    if (saved != bound.value)
      fail_usage(
          "{}: saved with {} = {}, this recipe has {}: resume with the saved value, or start another run",
          folder.string(), bound.key, saved, bound.value);
  }
  read_weights(folder / kBackboneFile, *network_);
  const TensorMetadata metadata =
      read_optimizer_state(folder / kOptimizerFile, *network_, optimizer_->states());
  optimizer_->set_updates(std::stoll(metadata.at(kUpdates)));
  read_centers(center_files(folder, manifest), head_->layer(), team_);
  saver_->continue_from(folder, manifest);
  step_ = manifest.step;
  samples_ = manifest.samples;
  total_steps_ = steps_in_all();
  tell(fmt::format("resumed from {} at step {}, sample {} (saved by {} rank{})", folder.string(), step_,
                   samples_, manifest.world_size, manifest.world_size == 1 ? "" : "s"));
  const std::string margin = describe(resolve_margin(recipe_.margin_options())),
                    saved_margin = margin_saved_in(manifest);
  if (!saved_margin.empty() && saved_margin != margin)
    tell(fmt::format("margin {}, saved with {}", margin, saved_margin));
  const int64_t saved_batch = manifest.recipe.value(kGlobalBatch, world_batch_.global);
  if (saved_batch != world_batch_.global) tell(describe_change(world_batch_, recipe_, saved_batch));
}

void Trainer::tell(const std::string& text) {
  if (!is_first()) return;
  if (log_) {
    log_->message(text);
  } else {
    fmt::print(stderr, "{}\n", text);
  }
}

void Trainer::tell_what_is_trained() {
  const Graph& graph = network_->graph();
  tell(fmt::format("{} images of {} classes, batch {} on {} rank{} x {} thread{}, {} steps", dataset_size_,
                   num_classes_, world_batch_.global, world_.size(), world_.size() == 1 ? "" : "s",
                   options_.threads, options_.threads == 1 ? "" : "s", total_steps_));
  tell(describe(world_batch_, recipe_));
  tell(fmt::format("backbone {}, {:.2f} M parameters, {:.3f} GFLOP an image forward, {} x {} x {} -> {}, {}",
                   recipe_.backbone.name, graph.parameter_count() * 1e-6, graph.forward_flops() * 1e-9,
                   graph.input().channels, graph.input().height, graph.input().width, graph.embedding(),
                   network_->options().precision == Precision::kBFloat16 ? "bf16" : "fp32"));
  tell(fmt::format("head: {:g} of the classes in a step, margin {}{}", recipe_.head.sample_rate,
                   describe(resolve_margin(recipe_.margin_options())), where(device_)));
}

void Trainer::tell_progress(double learning_rate) {
  if (!is_first()) return;
  Progress progress{.step = step_,
                    .total_steps = total_steps_,
                    .epoch = static_cast<double>(samples_) / static_cast<double>(dataset_size_),
                    .learning_rate = learning_rate};
  meter_.report(progress, total_steps_ - step_);
  if (is_due(recipe_.train.log_every) || step_ == total_steps_) {
    log_->progress(progress);
    meter_.restart();
  } else {
    log_->tick(progress);
  }
}

double Trainer::waited_for_ranks() const {
  return world_.waited_seconds() + head_->waited_seconds() + gradient_channel_->waited_seconds();
}

void Trainer::tell_rank_balance() {
  const std::array<double, 2> mine = {meter_.total_rank_wait(), meter_.total_seconds()};
  std::vector<double> all(2 * world_.size()), waited, seconds;
  world_.all_gather(std::span<const double>(mine), std::span(all)).wait();
  for (int rank = 0; rank < world_.size(); ++rank) {
    waited.push_back(all[2 * rank]);
    seconds.push_back(all[2 * rank + 1]);
  }
  const RankBalance balance = rank_balance(waited, seconds);
  tell(describe(balance));
  if (is_first())
    log_->metrics(step_, {{"ranks.wait_least", *std::min_element(balance.waits.begin(), balance.waits.end())},
                          {"ranks.wait_most", *std::max_element(balance.waits.begin(), balance.waits.end())},
                          {"ranks.slowest", balance.slowest},
                          {"ranks.slowest_cost", balance.cost}});
}

void Trainer::tell_how_it_went() {
  const double seconds = meter_.total_seconds();
  const double waited = seconds > 0 ? meter_.total_wait() / seconds : 0;
  tell(fmt::format("trained {} steps in {}; {} ({:.0f} % of the time waiting for images)",
                   meter_.total_steps(), format_duration(seconds),
                   waited > 0.1 ? "bound by input" : "not bound by input", 100 * waited));
  if (meter_.skipped_steps() > 0)
    tell(fmt::format("{} steps were not finite and changed nothing", meter_.skipped_steps()));
  if (meter_.steps_without_backbone() > 0)
    tell(fmt::format(
        "{} steps had a gradient of the backbone that was not finite: its weights stayed, class centers "
        "and BatchNorm's statistics moved",
        meter_.steps_without_backbone()));
  if (world_.size() > 1 && meter_.total_steps() > 0) tell_rank_balance();
  const SkipReport& skipped = stream_->skipped();
  const auto reports = gather_texts(world_, skipped.skipped() > 0 ? skipped.summary() : "");
  for (size_t rank = 0; rank < reports.size(); ++rank)
    if (!reports[rank].empty())
      tell(fmt::format("{}{}", world_.size() > 1 ? fmt::format("rank {}: ", rank) : "", reports[rank]));
}

}  // namespace partialfc
