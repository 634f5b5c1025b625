// A run's folder: recipe.toml (the resolved recipe), metrics.jsonl, TensorBoard events, checkpoints (checkpoint/),
// .launch (the launch that began it).
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "partialfc/checkpoint/checkpoint_folder.h"
#include "partialfc/comm/communicator.h"

namespace partialfc {

constexpr const char* kRecipeFile = "recipe.toml";
constexpr const char* kMetricsFile = "metrics.jsonl";
constexpr const char* kLaunchFile = ".launch";

enum class StartMode { kNew, kResume, kOverwrite };

struct RunStart {
  StartMode mode = StartMode::kNew;
  std::optional<LatestCheckpoint> latest;  // of the folder, where it was looked for: that reads all of it
};

// Collective. How the start of a run goes on that an earlier start of the same launch may have begun: where it has, from
// its newest checkpoint, or anew where there is none; else as rank 0 was asked for. `launch_id` empty: as asked for.
RunStart start_after_failure(const std::filesystem::path& folder, const std::string& launch_id,
                             StartMode asked_for, Communicator& world);

// Makes the folder if it is not there. kNew refuses one that holds a run, kResume needs one. Throws Error, or
// UsageError that says which option to give.
void prepare_run_folder(const std::filesystem::path& folder, StartMode mode);

// Collective. Rank 0 leaves a file in its folder for a moment, and every rank looks for it in its own; a rank on
// another host does so for up to `patience`, as file systems between hosts may be slow to tell. Throws UsageError on
// all ranks that names those who do not see it, and their hosts.
void require_shared_folder(const std::filesystem::path& folder, Communicator& world,
                           std::chrono::milliseconds patience = std::chrono::seconds(10));

// Removes the files of the run that the folder holds, and nothing else.
void clear_run_folder(const std::filesystem::path& folder);

// Removes the lines of metrics.jsonl whose step is beyond `step`: what a resumed run will write again.
void truncate_metrics(const std::filesystem::path& folder, int64_t step);

}  // namespace partialfc
