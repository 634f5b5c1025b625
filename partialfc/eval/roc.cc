#include "partialfc/eval/roc.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "partialfc/base/error.h"

namespace partialfc {

namespace {

// How many of `descending` are at least `threshold`, above it.
int64_t count_at_least(const std::vector<float>& descending, float threshold) {
  return std::ranges::upper_bound(descending, threshold, std::greater()) - descending.begin();
}
int64_t count_above(const std::vector<float>& descending, float threshold) {
  return std::ranges::lower_bound(descending, threshold, std::greater()) - descending.begin();
}

}  // namespace

Roc::Roc(std::span<const float> scores, std::span<const uint8_t> same) {
  PFC_CHECK(scores.size() == same.size(), "{} scores, {} labels", scores.size(), same.size());
  for (size_t i = 0; i < scores.size(); ++i) {
    if (std::isnan(scores[i])) fail("the score of pair {} is not a number", i);
    (same[i] ? same_ : different_).push_back(scores[i]);
  }
  if (same_.empty() || different_.empty())
    fail("{} same pairs and {} different pairs: need at least one of each", same_.size(), different_.size());
  std::ranges::sort(same_, std::greater());
  std::ranges::sort(different_, std::greater());
}

double Roc::tar_at_far(double far) const {
  PFC_CHECK(far >= 0 && far <= 1, "far {}", far);
  const auto different = static_cast<double>(different_.size());
  // The most false accepts that may be. Rates decide: far * different may round across a whole number.
  auto allowed = static_cast<int64_t>(far * different);
  if (static_cast<double>(allowed + 1) / different <= far) ++allowed;
  if (static_cast<double>(allowed) / different > far) --allowed;
  if (allowed >= static_cast<int64_t>(different_.size())) return 1;
  // The next different pair must stay out, and so whatever does not score above it.
  return static_cast<double>(count_above(same_, different_[allowed])) / static_cast<double>(same_.size());
}

double Roc::auc() const {
  double wins = 0;
  for (const float score : different_)
    wins += 0.5 * static_cast<double>(count_above(same_, score) + count_at_least(same_, score));
  return wins / (static_cast<double>(same_.size()) * static_cast<double>(different_.size()));
}

double Roc::equal_error_rate() const {
  // From the highest threshold down FAR rises and the false reject rate falls; each distinct score is a step.
  double far = 0, frr = 1;
  int64_t same = 0, different = 0;
  while (true) {
    const auto next_same = same < std::ssize(same_) ? same_[same] : -INFINITY;
    const auto next_different = different < std::ssize(different_) ? different_[different] : -INFINITY;
    const float threshold = std::max(next_same, next_different);
    same = count_at_least(same_, threshold);
    different = count_at_least(different_, threshold);
    const double next_far = static_cast<double>(different) / static_cast<double>(different_.size());
    const double next_frr = 1 - static_cast<double>(same) / static_cast<double>(same_.size());
    if (next_far >= next_frr) {
      const double part = (frr - far) / ((frr - far) + (next_far - next_frr));
      return far + part * (next_far - far);
    }
    far = next_far;
    frr = next_frr;
  }
}

}  // namespace partialfc
