#include "trainer/run_folder.h"

#include <nlohmann/json.hpp>

#include <array>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include "partialfc/base/error.h"
#include "partialfc/base/file.h"

namespace partialfc {

namespace {

namespace fs = std::filesystem;

// step-00012000, and what a crash leaves: .step-00012000.part, .step-00012000.old.
bool is_checkpoint(std::string_view name) {
  const bool aside = name.starts_with('.') && (name.ends_with(".part") || name.ends_with(".old"));
  if (aside) name = name.substr(1, name.rfind('.') - 1);
  constexpr std::string_view kPrefix = "step-";
  return name.starts_with(kPrefix) && name.size() > kPrefix.size() &&
         name.find_first_not_of("0123456789", kPrefix.size()) == std::string_view::npos;
}

bool belongs_to_run(const std::string& name) {
  return name == kRecipeFile || name == kMetricsFile || name == kLaunchFile || name == "latest" ||
         is_checkpoint(name) || name.starts_with("events.out.tfevents.");
}

std::vector<fs::path> files_of_run(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (belongs_to_run(entry.path().filename().string())) files.push_back(entry.path());
  return files;
}

}  // namespace

// Rank 0 looks into the folder: others may see it later than it is written.
RunStart start_after_failure(const fs::path& folder, const std::string& launch_id, StartMode asked_for,
                             Communicator& world) {
  std::array<int64_t, 1> began = {0};
  const fs::path launch = folder / kLaunchFile;
  if (world.rank() == 0)
    began[0] = !launch_id.empty() && fs::exists(launch) && read_text_file(launch) == launch_id;
  world.broadcast(std::span<int64_t>(began), 0).wait();
  if (began[0] == 0) return {.mode = asked_for};
  LatestCheckpoint latest = latest_checkpoint(folder, world);
  return {.mode = latest.checkpoint ? StartMode::kResume : StartMode::kOverwrite,
          .latest = std::move(latest)};
}

void prepare_run_folder(const fs::path& folder, StartMode mode) {
  const bool holds_run = fs::is_directory(folder) && !files_of_run(folder).empty();
  if (mode == StartMode::kResume && !holds_run)
    fail_usage("{}: holds no run to resume; start it without --resume", folder.string());
  if (mode == StartMode::kNew && holds_run)
    fail_usage(
        "{}: holds a run already; go on with --resume, replace it with --overwrite, or name another --output",
        folder.string());
  create_folders(folder);
}

void clear_run_folder(const fs::path& folder) {
  for (const fs::path& file : files_of_run(folder)) {
    std::error_code code;
    fs::remove_all(file, code);
    if (code) fail("{}: cannot remove: {}", file.string(), code.message());
  }
}

void truncate_metrics(const fs::path& folder, int64_t step) {
  const fs::path path = folder / kMetricsFile;
  if (!fs::exists(path)) return;
  std::istringstream lines(read_text_file(path));
  std::string kept;
  for (std::string line; std::getline(lines, line);) {
    const auto metrics = nlohmann::json::parse(line, nullptr, false);  // a line cut off by a crash is dropped
    if (metrics.is_object() && metrics.value("step", int64_t{0}) <= step) kept += line + "\n";
  }
  write_file_atomically(path, kept);
}

}  // namespace partialfc
