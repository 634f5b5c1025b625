// How well a score tells "same" from "different": a pair is accepted where its score is at least a threshold
// t.
//     TAR(t) = accepted same pairs / same pairs             (true accept rate)
//     FAR(t) = accepted different pairs / different pairs   (false accept rate)
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace partialfc {

class Roc {
 public:
  // scores (n): higher is more alike; same (n): 1 same, 0 different. At least one pair of each kind, no NaN.
  // O(n log n) time; keeps one float a pair.
  Roc(std::span<const float> scores, std::span<const uint8_t> same);

  // The highest TAR at a threshold whose FAR does not exceed `far`, 0 <= far <= 1. Below 1 / different pairs
  // this is the TAR without any false accept.
  double tar_at_far(double far) const;
  // Area under the curve: the chance that a same pair scores higher than a different one, ties counting half.
  double auc() const;
  // The rate at which FAR = 1 − TAR, linear between the two thresholds where they cross.
  double equal_error_rate() const;

 private:
  std::vector<float> same_;       // scores of same pairs, descending
  std::vector<float> different_;  // likewise
};

}  // namespace partialfc
