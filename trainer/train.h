// Training a recipe, for those who do not include libtorch: the run itself is trainer.h.
#pragma once

#include <atomic>
#include <filesystem>
#include <optional>
#include <string>

#include "partialfc/comm/communicator.h"
#include "trainer/recipe.h"
#include "trainer/run_folder.h"

namespace partialfc {

struct TrainOptions {
  std::filesystem::path output;  // the run's folder
  StartMode start = StartMode::kNew;
  std::optional<LatestCheckpoint> latest;  // of that folder, where it is known already
  std::string launch_id;  // of the launch that starts this run anew where it fails; may be empty
  int threads = 1;        // of this rank
  const std::atomic<bool>* stop = nullptr;  // set from outside: save and return
};

enum class TrainOutcome { kFinished, kStopped };

// Collective. Trains to the recipe's end, or until asked to stop, and saves.
TrainOutcome train(const Recipe& recipe, Communicator& world, const TrainOptions& options);

}  // namespace partialfc
