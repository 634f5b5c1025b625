#include "partialfc/eval/verification.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "partialfc/base/random.h"
#include "partialfc/base/test_support.h"

namespace partialfc {
namespace {

struct DistancePairs {
  std::vector<double> distances;
  std::vector<uint8_t> same;
};

// The protocol as plain loops over folds, thresholds and pairs, and the rates by definition.
struct PlainProtocol {
  const DistancePairs& pairs;

  int64_t count() const { return std::ssize(pairs.same); }
  // The fold of each pair: sizes P / 10 + 1 for the first P mod 10 folds, then P / 10.
  std::vector<int> folds() const {
    std::vector<int> folds;
    for (int fold = 0; fold < 10; ++fold)
      folds.insert(folds.end(), count() / 10 + (fold < count() % 10 ? 1 : 0), fold);
    return folds;
  }
  // Over the pairs `in`: how many are answered right; how many of kind `same` there are and are accepted.
  int64_t right(double threshold, auto in) const {
    int64_t right = 0;
    for (int64_t p = 0; p < count(); ++p)
      right += in(p) && (pairs.distances[p] < threshold) == static_cast<bool>(pairs.same[p]);
    return right;
  }
  double rate(double threshold, bool same, auto in) const {
    double accepted = 0, all = 0;
    for (int64_t p = 0; p < count(); ++p) {
      if (!in(p) || static_cast<bool>(pairs.same[p]) != same) continue;
      accepted += pairs.distances[p] < threshold;
      ++all;
    }
    return accepted / all;  // not a number where there are none
  }

  VerificationResult run() const {
    const std::vector<int> fold_of = folds();
    VerificationResult result;
    std::vector<double> accuracies, tars;
    for (int fold = 0; fold < 10; ++fold) {
      const auto inside = [&](int64_t p) { return fold_of[p] == fold; };
      const auto outside = [&](int64_t p) { return fold_of[p] != fold; };
      int best = 0;
      for (int i = 1; i < 400; ++i)
        if (right(i * 0.01, outside) > right(best * 0.01, outside)) best = i;
      double size = 0;
      for (const int f : fold_of) size += f == fold;
      accuracies.push_back(static_cast<double>(right(best * 0.01, inside)) / size);

      std::vector<double> far;
      for (int i = 0; i < 4000; ++i) far.push_back(rate(i * 0.001, false, outside));
      double threshold = 0;
      if (far.back() >= 1e-3) {
        int i = 3999;
        while (far[i] > 1e-3) --i;
        threshold = i * 0.001;
        if (i < 3999) threshold += (1e-3 - far[i]) / (far[i + 1] - far[i]) * ((i + 1) * 0.001 - i * 0.001);
      }
      const double tar = rate(threshold, true, inside);
      if (!std::isnan(tar) && !std::isnan(far[0])) tars.push_back(tar);
    }
    result.accuracy = mean(accuracies);
    for (double& accuracy : accuracies) accuracy = std::pow(accuracy - result.accuracy, 2);
    result.accuracy_std = std::sqrt(mean(accuracies));
    result.tar_at_far_1e3 = mean(tars);
    const auto all = [](int64_t) { return true; };
    for (int i = 0; i < 400; ++i) {
      const double accuracy = static_cast<double>(right(i * 0.01, all)) / static_cast<double>(count());
      if (accuracy > result.best_accuracy) {
        result.best_accuracy = accuracy;
        result.best_threshold = i * 0.01;
      }
    }
    return result;
  }
  static double mean(const std::vector<double>& values) {
    double sum = 0;
    for (const double value : values) sum += value;
    return sum / static_cast<double>(values.size());
  }
};

void expect_as_plain(const DistancePairs& pairs) {
  const VerificationResult result = verify_distances(pairs.distances, pairs.same);
  const VerificationResult plain = PlainProtocol{pairs}.run();
  EXPECT_NEAR(result.accuracy, plain.accuracy, 1e-14);
  EXPECT_NEAR(result.accuracy_std, plain.accuracy_std, 1e-14);
  EXPECT_EQ(result.best_threshold, plain.best_threshold);
  EXPECT_EQ(result.best_accuracy, plain.best_accuracy);
  EXPECT_NEAR(result.tar_at_far_1e3, plain.tar_at_far_1e3, 1e-14);
}

// Half of the distances lie exactly on a threshold, where < and <= differ.
DistancePairs random_pairs(int64_t count, uint64_t seed, bool same_in_blocks) {
  DistancePairs pairs;
  RandomStream random(seed, Purpose::kSyntheticData);
  for (int64_t p = 0; p < count; ++p) {
    const bool same = same_in_blocks ? p < count / 3 : p % 2 == 0;
    const double center = same ? 1.0 : 2.2;
    const double distance = std::clamp(center + 0.5 * random.normal(), 0.0, 4.0);
    pairs.same.push_back(same);
    pairs.distances.push_back(random.bernoulli(0.5) ? distance : std::round(distance * 100) * 0.01);
  }
  return pairs;
}

TEST(Verification, AsThePlainLoops) {
  for (const int64_t count : {10, 11, 19, 100, 237})
    for (const bool same_in_blocks : {false, true}) {
      SCOPED_TRACE(fmt::format("{} pairs, same in blocks: {}", count, same_in_blocks));
      expect_as_plain(random_pairs(count, count, same_in_blocks));
    }
  expect_as_plain(
      random_pairs(2400, 5, false));  // more than 1000 different pairs: FAR 1e-3 is between two of them
}

TEST(Verification, AsThePlainLoopsAtTheEnds) {
  for (const double distance : {0.0, 0.01, 3.99, 3.999, 4.0}) {
    SCOPED_TRACE(distance);
    DistancePairs pairs;
    for (int p = 0; p < 23; ++p) {
      pairs.same.push_back(p % 2);
      pairs.distances.push_back(distance);
    }
    expect_as_plain(pairs);
  }
}

TEST(Verification, TarAtAFarThatIsMetExactly) {
  // Folds 0 to 4 hold the same pairs and see 1000 different ones, one of which is accepted from t = 0.501 on
  // and the others beyond t = 2: FAR is 1e-3 in between, and the last such t counts.
  DistancePairs pairs;
  pairs.same.assign(1000, 1);
  pairs.same.resize(2000, 0);
  pairs.distances.assign(1000, 1.0);
  pairs.distances.resize(2000, 2.0);
  pairs.distances[1500] = 0.5;
  expect_as_plain(pairs);
  EXPECT_EQ(verify_distances(pairs.distances, pairs.same).tar_at_far_1e3, 1);
}

TEST(Verification, TarIsZeroWhereFarStaysBelow) {
  DistancePairs pairs;
  for (int p = 0; p < 20; ++p) {
    pairs.same.push_back(p % 2);
    pairs.distances.push_back(p % 2 ? 0.5 : 4.0);  // opposite: beyond every threshold
  }
  expect_as_plain(pairs);
  EXPECT_EQ(verify_distances(pairs.distances, pairs.same).tar_at_far_1e3, 0);
}

TEST(Verification, AThresholdIsLearnedOnTheOtherFolds) {
  // 10 folds of 2 pairs, separated by t in (0.5, 1.5], but for fold 3, which is separated by t in (3, 3.5].
  DistancePairs pairs;
  for (int fold = 0; fold < 10; ++fold) {
    pairs.same.insert(pairs.same.end(), {1, 0});
    pairs.distances.push_back(fold == 3 ? 3.0 : 0.5);
    pairs.distances.push_back(fold == 3 ? 3.5 : 1.5);
  }
  const VerificationResult result = verify_distances(pairs.distances, pairs.same);
  EXPECT_DOUBLE_EQ(result.accuracy, 0.95);  // fold 3 gets one of its two right
  EXPECT_NEAR(result.accuracy_std, 0.15, 1e-14);
  EXPECT_EQ(result.best_threshold, 51 * 0.01);  // the first above 0.5
  EXPECT_DOUBLE_EQ(result.best_accuracy, 0.95);
  EXPECT_DOUBLE_EQ(result.tar_at_far_1e3, 0.9);
  EXPECT_DOUBLE_EQ(result.auc, 0.91);  // 81 + 9 (fold 3's different) + 1 of 100
  EXPECT_EQ(result.pairs, 20);
  EXPECT_EQ(result.same_pairs, 10);
}

TEST(Verification, FromEmbeddings) {
  // Same pairs point one way at different lengths (d = 0), different ones at right angles (d = 2).
  Matrix<float> wide(24, 5);  // rows of 3 in a stride of 5
  wide.fill(NAN);
  std::vector<uint8_t> same(12);
  for (int64_t p = 0; p < 12; ++p) {
    same[p] = p % 3 == 0;
    const int64_t other = same[p] ? p % 3 : (p + 1) % 3;
    for (int64_t d = 0; d < 3; ++d) {
      wide(2 * p, d) = d == p % 3 ? 4.0f : 0.0f;
      wide(2 * p + 1, d) = d == other ? 1.0f : 0.0f;
    }
  }
  const MatrixView<const float> embeddings(wide.data(), 24, 3, 5);
  const VerificationResult result = verify_pairs(embeddings, same);
  EXPECT_DOUBLE_EQ(result.accuracy, 1);
  EXPECT_DOUBLE_EQ(result.accuracy_std, 0);
  EXPECT_DOUBLE_EQ(result.tar_at_far_1e3, 1);
  EXPECT_EQ(result.best_threshold, 0.01);
  EXPECT_EQ(result.best_accuracy, 1);
  EXPECT_EQ(result.auc, 1);
  EXPECT_EQ(result.equal_error_rate, 0);
  EXPECT_DOUBLE_EQ(result.xnorm, 2.5);
  EXPECT_DOUBLE_EQ(mean_norm(embeddings), 2.5);
}

TEST(Verification, ARowOfZerosStaysZero) {
  Matrix<float> embeddings(20, 2);
  std::vector<uint8_t> same(10);
  for (int64_t p = 0; p < 10; ++p) {
    same[p] = p != 4;
    embeddings(2 * p, 0) = 1;
    if (same[p]) embeddings(2 * p + 1, 0) = 1;  // else zeros, at distance 1 from the unit sphere
  }
  const VerificationResult result = verify_pairs(embeddings.view(), same);
  EXPECT_EQ(result.best_accuracy, 1);
  EXPECT_EQ(result.best_threshold, 0.01);
}

TEST(Verification, WhatCannotBeMeasuredSaysSo) {
  Matrix<float> embeddings(20, 2);
  embeddings.fill(1);
  std::vector<uint8_t> same(10, 1);
  const auto message = [&] { return message_of([&] { verify_pairs(embeddings.view(), same); }); };
  EXPECT_EQ(message(), "10 same pairs and 0 different pairs: need at least one of each");
  same[9] = 0;
  EXPECT_EQ(message(), "no error");
  embeddings(13, 1) = INFINITY;
  EXPECT_EQ(message(), "embedding 13 of 20 is not finite: the model has diverged");
  same.pop_back();
  EXPECT_THROW(message(), InternalError);
  embeddings.resize(18, 2);
  embeddings.fill(1);
  EXPECT_EQ(message(), "9 pairs, need at least 10: one for each fold");
}

}  // namespace
}  // namespace partialfc
