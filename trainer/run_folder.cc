#include "trainer/run_folder.h"

#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <random>
#include <sstream>
#include <thread>
#include <utility>
#include <vector>

#include "partialfc/base/error.h"
#include "partialfc/base/file.h"
#include "partialfc/comm/agreement.h"
#include "partialfc/comm/gather_texts.h"

namespace partialfc {

namespace {

namespace fs = std::filesystem;

bool belongs_to_run(const std::string& name) {
  return name == kRecipeFile || name == kMetricsFile || name == kLaunchFile || name == "latest" ||
         parse_checkpoint_name(name) || name.starts_with("events.out.tfevents.");
}

std::vector<fs::path> files_of_run(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (belongs_to_run(entry.path().filename().string())) files.push_back(entry.path());
  return files;
}

// A file that is there while this object lives, of the rank that makes it.
class Token {
 public:
  Token(fs::path path, bool make) : path_(std::move(path)), is_mine_(make) {
    if (is_mine_) write_file_atomically(path_, "");
  }
  ~Token() {
    std::error_code ignored;  // an empty file stays behind
    if (is_mine_) fs::remove(path_, ignored);
  }
  Token(const Token&) = delete;
  Token& operator=(const Token&) = delete;

  bool is_seen_within(std::chrono::milliseconds patience) const {
    const auto end = std::chrono::steady_clock::now() + patience;
    std::error_code ignored;  // what cannot be looked at is not seen
    while (!fs::exists(path_, ignored)) {
      if (std::chrono::steady_clock::now() >= end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return true;
  }

 private:
  const fs::path path_;
  const bool is_mine_;
};

}  // namespace

// Rank 0 looks into the folder, and says what was asked for: others may see it later than it is written.
RunStart start_after_failure(const fs::path& folder, const std::string& launch_id, StartMode asked_for,
                             Communicator& world) {
  const fs::path launch = folder / kLaunchFile;
  std::array<int64_t, 2> said = {static_cast<int64_t>(asked_for), 0};
  if (world.rank() == 0)
    said[1] = !launch_id.empty() && fs::exists(launch) && read_text_file(launch) == launch_id;
  world.broadcast(std::span<int64_t>(said), 0).wait();
  if (said[1] == 0) return {.mode = static_cast<StartMode>(said[0])};
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

void require_shared_folder(const fs::path& folder, Communicator& world, std::chrono::milliseconds patience) {
  std::array<int64_t, 1> number = {0};
  if (world.rank() == 0) number[0] = std::random_device()();
  world.broadcast(std::span<int64_t>(number), 0).wait();
  const Token token(folder / fmt::format(".token-{:08x}", number[0]), world.rank() == 0);
  world.barrier().wait();  // it is there
  if (world.host_of(world.rank()) == world.host_of(0)) patience = {};
  const std::string seen = token.is_seen_within(patience) ? "yes" : "no";
  const std::vector<std::string> answers = gather_texts(world, seen + " " + fs::absolute(folder).string());
  std::vector<std::string> blind;
  for (size_t rank = 0; rank < answers.size(); ++rank)
    if (answers[rank].starts_with("no"))
      blind.push_back(
          fmt::format("{} of rank {} (host {})", answers[rank].substr(3), rank, world.host_of(rank)));
  if (blind.empty()) return;
  const size_t told = std::min<size_t>(blind.size(), 4);
  throw DisagreementError(
      fmt::format("{}, the run's folder of rank 0 (host {}), is not {}{}: what rank 0 writes there is not "
                  "seen here. Name an --output "
                  "that all hosts share",
                  answers[0].substr(4), world.host_of(0), fmt::join(std::span(blind).first(told), ", "),
                  blind.size() == told ? "" : fmt::format(" and {} more", blind.size() - told)));
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
