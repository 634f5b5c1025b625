// What a run tells: a progress bar on a terminal or plain lines in a file (standard error), metrics.jsonl and
// TensorBoard events in the run's folder. One rank holds it.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "partialfc/base/file.h"
#include "partialfc/formats/tensorboard.h"

namespace partialfc {

// The state of training over the last few steps.
struct Progress {
  int64_t step = 0, total_steps = 0;  // steps done
  double epoch = 0, loss = 0, learning_rate = 0;
  double gradient_norm = 0;
  double samples_per_second = 0;
  double data_wait = 0;  // share of the time spent waiting for input, 0 … 1
  double seconds_left = 0;
};

class RunLog {
 public:
  explicit RunLog(const std::filesystem::path& folder);
  ~RunLog();

  void message(const std::string& text);
  void progress(const Progress& progress);  // metrics and curves; and the bar, or a line
  void tick(const Progress& progress);      // the bar alone, a few times a second
  // values: e.g. {"verification.lfw.accuracy": 0.99}.
  void metrics(int64_t step, const nlohmann::json& values);

 private:
  void draw_bar(const Progress& progress);
  void clear_bar();

  OutputFile metrics_;
  TensorBoardWriter curves_;
  bool terminal_;
  bool bar_drawn_ = false;
  std::chrono::steady_clock::time_point last_drawn_;
};

// "1:02:03" or "2:03".
std::string format_duration(double seconds);

}  // namespace partialfc
