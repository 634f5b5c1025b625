#include "cli/progress_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace partialfc {

ProgressLine::ProgressLine(std::string what)
    : what_(std::move(what)), terminal_(::isatty(STDERR_FILENO) != 0) {}

void ProgressLine::finish() {
  if (drawn_) fmt::print(stderr, "\n");
  drawn_ = false;
}

void ProgressLine::show(int64_t done, int64_t total) {
  total = std::max<int64_t>(1, total);
  if (terminal_) {
    const auto filled = static_cast<size_t>(40 * done / total);
    fmt::print(stderr, "\r{} [{}{}] {}/{}", what_, std::string(filled, '='), std::string(40 - filled, ' '),
               done, total);
    std::fflush(stderr);
    drawn_ = true;
  } else if (10 * done >= next_tenth_ * total) {
    fmt::print(stderr, "{} {}/{}\n", what_, done, total);
    next_tenth_ = 10 * done / total + 1;
  }
}

}  // namespace partialfc
