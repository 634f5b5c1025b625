// A trained backbone from disk, for use: verify, embed.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "partialfc/device/device_name.h"
#include "trainer/recipe.h"

namespace partialfc {

class Network;

struct LoadedModel {
  LoadedModel();
  LoadedModel(LoadedModel&&) noexcept;
  ~LoadedModel();

  Recipe recipe;
  std::unique_ptr<Network> network;
  std::filesystem::path checkpoint;
  std::string notice;  // a line to tell the user where newer checkpoints were passed over; else empty
};

struct LoadOptions {
  std::string precision;  // fp32, bf16, auto, or empty for the recipe's own
  DeviceName device;
};

// `path` is a run's folder (its newest checkpoint whose backbone is whole is taken) or a checkpoint's folder. Throws
// UsageError where libtorch cannot compute on the device.
LoadedModel load_model(const std::filesystem::path& path, const LoadOptions& options = {});

}  // namespace partialfc
