#include "trainer/load_model.h"

#include <fmt/ranges.h>

#include <utility>

#include "partialfc/base/error.h"
#include "partialfc/checkpoint/checkpoint_folder.h"
#include "trainer/compute_device.h"
#include "trainer/network.h"
#include "trainer/weights.h"

namespace partialfc {

namespace {

// A checkpoint whose backbone is as it was written (of its files this one alone is read), and why newer ones were
// passed over.
LatestCheckpoint find_checkpoint(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path))
    fail("{}: not a folder; name a run's folder or a checkpoint in it (step-...)", path.string());
  if (std::filesystem::exists(path / kManifestName)) {
    Checkpoint checkpoint{path, read_manifest(path)};
    verify_file(path, checkpoint.manifest, kBackboneFile);
    return {.checkpoint = std::move(checkpoint)};
  }
  LatestCheckpoint latest = latest_checkpoint(path, kBackboneFile);
  if (latest.checkpoint) return latest;
  fail("{}: holds no whole checkpoint{}", path.string(),
       latest.skipped.empty() ? "; name a run's folder or a checkpoint in it (step-...)"
                              : ": " + latest.skipped[0]);
}

}  // namespace

LoadedModel::LoadedModel() = default;
LoadedModel::LoadedModel(LoadedModel&&) noexcept = default;
LoadedModel::~LoadedModel() = default;

LoadedModel load_model(const std::filesystem::path& path, const LoadOptions& options) {
  const LatestCheckpoint found = find_checkpoint(path);
  const Checkpoint& checkpoint = *found.checkpoint;
  const auto& saved = checkpoint.manifest.recipe;
  if (!saved.contains("toml"))
    fail("{}: the manifest holds no recipe: not a checkpoint of a training run", checkpoint.folder.string());
  LoadedModel model;
  const std::string where = (checkpoint.folder / kManifestName).string();
  model.recipe = parse_recipe(saved["toml"].get<std::string>(), where, checkpoint.folder, {});
  model.checkpoint = checkpoint.folder;
  if (!found.skipped.empty())
    model.notice =
        fmt::format("uses {}; passed over: {}", checkpoint.folder.string(), fmt::join(found.skipped, "; "));
  const Recipe::Train& train = model.recipe.train;
  const torch::Device device = torch_device(options.device);
  const std::string& precision = options.precision.empty() ? train.precision : options.precision;
  model.network =
      std::make_unique<Network>(make_backbone(model.recipe.backbone_options()),
                                NetworkOptions{.precision = backbone_precision(precision, options.device),
                                               .channels_last = train.channels_last,
                                               .device = device});
  read_weights(checkpoint.folder / kBackboneFile, *model.network);
  return model;
}

}  // namespace partialfc
