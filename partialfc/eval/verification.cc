#include "partialfc/eval/verification.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "partialfc/base/error.h"
#include "partialfc/base/parallel.h"
#include "partialfc/eval/roc.h"

namespace partialfc {

namespace {

constexpr int64_t kFolds = 10;
constexpr double kMaxThreshold = 4;  // no two points of the unit sphere are farther apart, squared
constexpr double kFar = 1e-3;

// ‖row‖; Error where it is not finite.
double norm_of(MatrixView<const float> x, int64_t row) {
  double sum = 0;
  for (int64_t d = 0; d < x.cols; ++d) sum += static_cast<double>(x(row, d)) * x(row, d);
  if (!std::isfinite(sum)) fail("embedding {} of {} is not finite: the model has diverged", row, x.rows);
  return std::sqrt(sum);
}

// The pairs of a fold, as scikit-learn's KFold cuts them.
Range pairs_of_fold(int64_t pairs, int64_t fold) {
  const auto begin = [&](int64_t f) { return f * (pairs / kFolds) + std::min(f, pairs % kFolds); };
  return {begin(fold), begin(fold + 1)};
}

// Accepted pairs of each fold at each threshold: what loops over pairs and thresholds would count, from one
// histogram.
struct AcceptedPairs {
  std::vector<double> thresholds;   // i * step below kMaxThreshold
  Matrix<int64_t> same, different;  // (folds, thresholds)
};

AcceptedPairs count_accepted(std::span<const double> distances, std::span<const uint8_t> same, double step) {
  const int64_t thresholds = std::llround(kMaxThreshold / step);
  AcceptedPairs accepted{std::vector<double>(thresholds), {kFolds, thresholds}, {kFolds, thresholds}};
  for (int64_t i = 0; i < thresholds; ++i) accepted.thresholds[i] = static_cast<double>(i) * step;
  for (int64_t fold = 0; fold < kFolds; ++fold) {
    const Range pairs = pairs_of_fold(std::ssize(distances), fold);
    for (int64_t p = pairs.first; p < pairs.last; ++p) {
      const int64_t first =
          std::ranges::upper_bound(accepted.thresholds, distances[p]) - accepted.thresholds.begin();
      if (first < thresholds) ++(same[p] ? accepted.same : accepted.different)(fold, first);
    }
    for (int64_t i = 1; i < thresholds; ++i) {
      accepted.same(fold, i) += accepted.same(fold, i - 1);
      accepted.different(fold, i) += accepted.different(fold, i - 1);
    }
  }
  return accepted;
}

// The column sums of counts (folds, thresholds) over all folds but `without`; over all where that is kFolds.
std::vector<int64_t> sum_without(const Matrix<int64_t>& counts, int64_t without) {
  std::vector<int64_t> sums(counts.cols());
  for (int64_t fold = 0; fold < kFolds; ++fold)
    for (int64_t i = 0; fold != without && i < counts.cols(); ++i) sums[i] += counts(fold, i);
  return sums;
}

// The first threshold with the most right answers on all folds but `without`.
int64_t best_threshold(const AcceptedPairs& accepted, int64_t without) {
  std::vector<int64_t> right = sum_without(accepted.same, without);  // less a constant
  const std::vector<int64_t> wrong = sum_without(accepted.different, without);
  for (size_t i = 0; i < right.size(); ++i) right[i] -= wrong[i];
  return std::ranges::max_element(right) - right.begin();
}

// Sets accuracy, accuracy_std, best_threshold and best_accuracy.
void measure_accuracy(std::span<const double> distances, std::span<const uint8_t> same,
                      std::span<const int64_t> different_pairs, VerificationResult& result) {
  const AcceptedPairs accepted = count_accepted(distances, same, 0.01);
  const auto right_in = [&](int64_t fold, int64_t i) {
    return accepted.same(fold, i) + different_pairs[fold] - accepted.different(fold, i);
  };
  std::vector<double> accuracies(kFolds);
  for (int64_t fold = 0; fold < kFolds; ++fold) {
    const int64_t size = pairs_of_fold(result.pairs, fold).size();
    accuracies[fold] =
        static_cast<double>(right_in(fold, best_threshold(accepted, fold))) / static_cast<double>(size);
  }
  result.accuracy = std::accumulate(accuracies.begin(), accuracies.end(), 0.0) / kFolds;
  double squares = 0;
  for (const double accuracy : accuracies) squares += std::pow(accuracy - result.accuracy, 2);
  result.accuracy_std = std::sqrt(squares / kFolds);

  const int64_t best = best_threshold(accepted, kFolds);
  int64_t right = 0;
  for (int64_t fold = 0; fold < kFolds; ++fold) right += right_in(fold, best);
  result.best_threshold = accepted.thresholds[best];
  result.best_accuracy = static_cast<double>(right) / static_cast<double>(result.pairs);
}

// The threshold at which `different` of `total` pairs, counted at each of `thresholds`, are accepted at rate
// kFar.
double threshold_at_far(const std::vector<double>& thresholds, const std::vector<int64_t>& different,
                        int64_t total) {
  const auto far = [&](int64_t i) { return static_cast<double>(different[i]) / static_cast<double>(total); };
  const int64_t last = std::ssize(thresholds) - 1;
  if (far(last) < kFar) return 0;
  int64_t i = last;
  while (far(i) > kFar) --i;  // ends: at threshold 0 nothing is accepted
  if (i == last) return thresholds[last];
  const double part = (kFar - far(i)) / (far(i + 1) - far(i));
  return thresholds[i] + part * (thresholds[i + 1] - thresholds[i]);
}

// Mean TAR at FAR 1e-3. Where a fold has no same pair, or the other nine no different one, it has no such
// rate and takes no part in the mean; with at least one pair of each kind some fold always does.
double measure_tar(std::span<const double> distances, std::span<const uint8_t> same,
                   std::span<const int64_t> different_pairs) {
  const AcceptedPairs accepted = count_accepted(distances, same, 0.001);
  const int64_t all_different = std::accumulate(different_pairs.begin(), different_pairs.end(), int64_t{0});
  double sum = 0;
  int64_t folds = 0;
  for (int64_t fold = 0; fold < kFolds; ++fold) {
    const Range pairs = pairs_of_fold(std::ssize(distances), fold);
    const int64_t same_pairs = pairs.size() - different_pairs[fold];
    const int64_t different_elsewhere = all_different - different_pairs[fold];
    if (same_pairs == 0 || different_elsewhere == 0) continue;
    const double threshold =
        threshold_at_far(accepted.thresholds, sum_without(accepted.different, fold), different_elsewhere);
    int64_t right = 0;
    for (int64_t p = pairs.first; p < pairs.last; ++p) right += same[p] && distances[p] < threshold;
    sum += static_cast<double>(right) / static_cast<double>(same_pairs);
    ++folds;
  }
  return sum / static_cast<double>(folds);
}

}  // namespace

double mean_norm(MatrixView<const float> x) {
  PFC_CHECK(x.rows > 0);
  double sum = 0;
  for (int64_t i = 0; i < x.rows; ++i) sum += norm_of(x, i);
  return sum / static_cast<double>(x.rows);
}

VerificationResult verify_pairs(MatrixView<const float> embeddings, std::span<const uint8_t> same) {
  const int64_t pairs = std::ssize(same);
  PFC_CHECK(embeddings.rows == 2 * pairs, "{} embeddings, {} pairs", embeddings.rows, pairs);
  double norms = 0;
  std::vector<double> distances(pairs);
  for (int64_t p = 0; p < pairs; ++p) {
    const double norm_a = norm_of(embeddings, 2 * p), norm_b = norm_of(embeddings, 2 * p + 1);
    norms += norm_a + norm_b;
    for (int64_t d = 0; d < embeddings.cols; ++d) {
      const double difference = embeddings(2 * p, d) / (norm_a > 0 ? norm_a : 1) -
                                embeddings(2 * p + 1, d) / (norm_b > 0 ? norm_b : 1);
      distances[p] += difference * difference;
    }
  }
  VerificationResult result = verify_distances(distances, same);
  result.xnorm = norms / static_cast<double>(2 * pairs);
  return result;
}

void check_pairs(std::span<const uint8_t> same) {
  const int64_t pairs = std::ssize(same), different = std::ranges::count(same, 0);
  if (pairs < kFolds) fail("{} pairs, need at least {}: one for each fold", pairs, kFolds);
  if (different == 0 || different == pairs)
    fail("{} same pairs and {} different pairs: need at least one of each", pairs - different, different);
}

VerificationResult verify_distances(std::span<const double> distances, std::span<const uint8_t> same) {
  PFC_CHECK(distances.size() == same.size(), "{} distances, {} labels", distances.size(), same.size());
  VerificationResult result;
  result.pairs = std::ssize(same);
  check_pairs(same);
  std::vector<int64_t> different_pairs(kFolds);
  for (int64_t fold = 0; fold < kFolds; ++fold) {
    const Range pairs = pairs_of_fold(result.pairs, fold);
    different_pairs[fold] = std::count(same.begin() + pairs.first, same.begin() + pairs.last, 0);
    result.same_pairs += pairs.size() - different_pairs[fold];
  }
  std::vector<float> scores(distances.size());
  std::ranges::transform(distances, scores.begin(), [](double d) { return static_cast<float>(-d); });
  const Roc roc(scores, same);  // refuses what is not a number
  result.auc = roc.auc();
  result.equal_error_rate = roc.equal_error_rate();
  measure_accuracy(distances, same, different_pairs, result);
  result.tar_at_far_1e3 = measure_tar(distances, same, different_pairs);
  return result;
}

}  // namespace partialfc
