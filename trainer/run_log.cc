#include "trainer/run_log.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include "trainer/run_folder.h"

namespace partialfc {

namespace {

std::string with_thousands(double value) {
  std::string digits = fmt::format("{:.0f}", value);
  for (int i = static_cast<int>(digits.size()) - 3; i > 0; i -= 3) digits.insert(i, 1, ',');
  return digits;
}

std::string line_of(const Progress& p) {
  return fmt::format("loss {:.4g}  lr {:.3g}  {} img/s  input wait {:.0f} %  {} left", p.loss,
                     p.learning_rate, with_thousands(p.samples_per_second), 100 * p.data_wait,
                     format_duration(p.seconds_left));
}

int terminal_width() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

}  // namespace

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds)) return "?";
  const auto whole = static_cast<int64_t>(std::max(0.0, seconds) + 0.5);
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

RunLog::RunLog(const std::filesystem::path& folder)
    : metrics_(folder / kMetricsFile, true), curves_(folder), terminal_(::isatty(STDERR_FILENO) != 0) {}

RunLog::~RunLog() { clear_bar(); }

void RunLog::message(const std::string& text) {
  clear_bar();
  fmt::print(stderr, "{}\n", text);
}

void RunLog::metrics(int64_t step, const nlohmann::json& values) {
  nlohmann::json line = {{"step", step}};
  std::vector<TaggedScalar> scalars;
  for (const auto& [key, value] : values.items()) {
    line[key] = value;
    std::string tag = key;
    std::replace(tag.begin(), tag.end(), '.', '/');
    if (value.is_number()) scalars.push_back({.tag = tag, .value = value.get<float>()});
  }
  metrics_.write(line.dump() + "\n");
  metrics_.flush();
  curves_.add_scalars(step, scalars);
}

void RunLog::progress(const Progress& p) {
  metrics(p.step, {{"epoch", p.epoch},
                   {"loss", p.loss},
                   {"lr", p.learning_rate},
                   {"gradient_norm", p.gradient_norm},
                   {"samples_per_second", p.samples_per_second},
                   {"data_wait", p.data_wait}});
  if (terminal_) {
    draw_bar(p);
  } else {
    message(fmt::format("step {}/{}  {}", p.step, p.total_steps, line_of(p)));
  }
}

void RunLog::tick(const Progress& p) {
  if (terminal_ && std::chrono::steady_clock::now() - last_drawn_ > std::chrono::milliseconds(200))
    draw_bar(p);
}

void RunLog::draw_bar(const Progress& p) {
  const std::string text = fmt::format(" {}/{}  {}", p.step, p.total_steps, line_of(p));
  const int width = std::clamp(terminal_width() - static_cast<int>(text.size()) - 3, 0, 40);
  const auto filled =
      static_cast<int>(std::llround(width * double(p.step) / double(std::max<int64_t>(1, p.total_steps))));
  const std::string bar =
      width == 0 ? "" : fmt::format("[{}{}]", std::string(filled, '='), std::string(width - filled, ' '));
  fmt::print(stderr, "\r\033[K{}{}", bar, text);
  std::fflush(stderr);
  bar_drawn_ = true;
  last_drawn_ = std::chrono::steady_clock::now();
}

void RunLog::clear_bar() {
  if (bar_drawn_) fmt::print(stderr, "\r\033[K");
  bar_drawn_ = false;
}

}  // namespace partialfc
