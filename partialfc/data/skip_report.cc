#include "partialfc/data/skip_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "partialfc/base/error.h"

namespace partialfc {

void SkipReport::add_skipped(SkipKind kind, std::string message) {
  ++counts_[static_cast<size_t>(kind)];
  if (examples_.size() < kMaxExamples) examples_.push_back(std::move(message));
}

int64_t SkipReport::skipped() const { return std::accumulate(counts_.begin(), counts_.end(), int64_t{0}); }

std::string SkipReport::summary() const {
  std::string text = fmt::format(
      "{} of {} images skipped: {} unreadable, {} with a bad label, {} undecodable", skipped(), seen_,
      skipped(SkipKind::kUnreadable), skipped(SkipKind::kBadLabel), skipped(SkipKind::kUndecodable));
  for (const std::string& example : examples_) text += "\n  " + example;
  return text;
}

void SkipReport::check(double max_share) const {
  const double allowed = std::max<double>(kAlwaysAllowed, max_share * static_cast<double>(seen_));
  if (static_cast<double>(skipped()) > allowed)
    fail("{}\n  more than {} or {:.3g} % are refused: repair the set, or allow a larger share", summary(),
         kAlwaysAllowed, 100 * max_share);
}

}  // namespace partialfc
