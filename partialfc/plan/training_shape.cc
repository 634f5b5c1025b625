#include "partialfc/plan/training_shape.h"

#include <algorithm>
#include <cmath>

#include "partialfc/base/error.h"

namespace partialfc {

namespace {

constexpr uint64_t kAnySeed = 0;  // sizes of blocks do not depend on it

// E[max(share, X)], X ~ Binomial(n, p): share + Σ_{k > share} P(X ≥ k).
double expected_maximum(double share, double n, double p) {
  const double mean = n * p, far = 20 * std::sqrt(mean) + 20;  // beyond mean ± far nothing counts
  if (share > mean + far) return share;
  const double begin = std::max(0.0, std::floor(mean - far)), end = std::min(n, mean + far);
  double below = 0;                                  // P(X < k)
  double excess = std::max(0.0, begin - 1 - share);  // of each k < begin: P(X ≥ k) = 1
  for (double k = begin; k <= end; ++k) {
    if (k > share) excess += std::max(0.0, 1 - below) * std::min(1.0, k - share);
    const double choices = std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1);
    below += std::exp(choices + k * std::log(p) + (n - k) * std::log1p(-p));
  }
  return share + excess;
}

}  // namespace

int64_t TrainingShape::rank_classes() const {
  const ClassPlacement placement(classes, kAnySeed);
  int64_t most = 0;
  for (int rank = 0; rank < ranks; ++rank)
    most = std::max(most, placement.positions_of_blocks(placement.blocks_of_rank(rank, ranks)).size());
  return most;
}

int64_t TrainingShape::rank_active() const {
  const int64_t owned = rank_classes();
  if (sample_rate >= 1) return owned;
  const ClassPlacement placement(classes, kAnySeed);
  // A class is met by one of N samples with probability 1 − (1 − 1/C)^N.
  const double met =
      -std::expm1(static_cast<double>(global_batch) * std::log1p(-1 / static_cast<double>(classes)));
  const auto blocks = static_cast<double>((placement.num_blocks() + ranks - 1) / ranks);
  const double block = static_cast<double>(owned) / blocks, whole_block = std::ceil(block);
  const double active = blocks * expected_maximum(sample_rate * block, whole_block,
                                                  std::min(met * block / whole_block, 1 - 1e-12));
  return std::clamp<int64_t>(std::llround(active), 1, owned);
}

void TrainingShape::validate() const {
  if (classes < 1) fail_usage("{} classes: at least 1", classes);
  if (!(sample_rate > 0 && sample_rate <= 1))
    fail_usage("sample rate {}: must be above 0 and at most 1", sample_rate);
  if (ranks < 1) fail_usage("{} ranks: at least 1", ranks);
  if (threads < 1) fail_usage("{} threads: at least 1", threads);
  if (micro_batches < 1) fail_usage("{} micro-batches: at least 1", micro_batches);
  const int64_t blocks = ClassPlacement(classes, kAnySeed).num_blocks();
  if (ranks > blocks)
    fail_usage("{} ranks for {} classes: at most {} can share them", ranks, classes, blocks);
  if (global_batch < 2 * ranks * micro_batches)
    fail_usage(
        "a global batch of {} cannot be shared by {} ranks x {} micro-batches, 2 images each: "
        "make it at least {}",
        global_batch, ranks, micro_batches, 2 * ranks * micro_batches);
}

}  // namespace partialfc
