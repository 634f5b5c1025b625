#include "trainer/gradient_reducer.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>

#include "partialfc/base/random.h"
#include "partialfc/comm/thread_ranks.h"
#include "partialfc/head/partial_fc.h"
#include "partialfc/models/backbones.h"

namespace partialfc {
namespace {

constexpr int64_t kBatch = 13, kClasses = 40;
constexpr Shape kImage = {1, 10, 8};

BackboneOptions backbone(int64_t width, int64_t embedding) {
  return {.name = "small", .input = kImage, .embedding = embedding, .width = width, .stages = 1};
}

// One rank's part of a fixed batch of kBatch images, through backbone and head.
class Step {
 public:
  Step(const BackboneOptions& options, Communicator& world)
      : head_channel_(world.open_channel("head")),
        gradient_channel_(world, "gradients", nullptr),
        rows_(part_of(kBatch, world.size(), world.rank())),
        network_(make_backbone(options), {.seed = 5}),
        reducer_(network_, gradient_channel_),
        head_({.num_classes = kClasses,
               .dim = options.embedding,
               .max_batch = (kBatch + world.size() - 1) / world.size(),
               .sample_rate = 0.5,
               .seed = 5,
               .margin = {.scale = 8, .m2 = 0.3f}},
              *head_channel_, team_) {
    RandomStream random(9, Purpose::kSyntheticData);
    torch::Tensor pixels = torch::empty({kBatch, kImage.height, kImage.width, 1}, torch::kUInt8);
    for (int64_t i = 0; i < pixels.numel(); ++i)
      pixels.data_ptr<uint8_t>()[i] = static_cast<uint8_t>(random.below(256));
    pixels_ = pixels.narrow(0, rows_.first, rows_.size()).clone();
    for (int64_t row = rows_.first; row < rows_.last; ++row) labels_.push_back(row * 3 % kClasses);
  }

  Network& network() { return network_; }
  void arm() { reducer_.arm(); }
  void finish() {
    reducer_.finish();
    gradient_channel_.finish();
  }
  std::span<float> flat_gradients() { return flat(network_.gradients()); }
  std::span<float> flat_weights() { return flat(network_.weights()); }

  // BatchNorm keeps its running statistics: rows do not see each other.
  double forward() {
    embeddings_ = network_.forward(pixels_, {.training = false});
    gradients_ = torch::empty_like(embeddings_);
    return head_
        .forward(0, {embeddings_.data_ptr<float>(), rows_.size(), embeddings_.size(1)}, labels_,
                 {gradients_.data_ptr<float>(), rows_.size(), embeddings_.size(1)})
        .loss;
  }
  void backward() { embeddings_.backward(gradients_); }
  std::vector<float> gradient() {
    forward();
    network_.zero_gradients();
    arm();
    backward();
    finish();
    const auto gradients = flat_gradients();
    return {gradients.begin(), gradients.end()};
  }

 private:
  static std::span<float> flat(const torch::Tensor& buffer) {
    return {buffer.data_ptr<float>(), static_cast<size_t>(buffer.numel())};
  }

  ThreadTeam team_{1};
  std::unique_ptr<Communicator> head_channel_;
  TensorChannel gradient_channel_;
  const Range rows_;
  Network network_;
  GradientReducer reducer_;
  PartialFC head_;
  torch::Tensor pixels_, embeddings_, gradients_;
  std::vector<int64_t> labels_;
};

double norm(const std::vector<float>& values) {
  double square = 0;
  for (const float value : values) square += double{value} * value;
  return std::sqrt(square);
}

std::vector<float> gradient_on_one_rank(const BackboneOptions& options) {
  std::vector<float> gradient;
  run_ranks(1, [&](Communicator& world) { gradient = Step(options, world).gradient(); });
  return gradient;
}

// ranks, width, embedding. The last net fills more than one bucket.
class SharedGradient : public testing::TestWithParam<std::array<int, 3>> {};

TEST_P(SharedGradient, IsThatOfOneRankOnAllRanks) {
  const auto [ranks, width, embedding] = GetParam();
  const BackboneOptions options = backbone(width, embedding);
  const std::vector<float> expected = gradient_on_one_rank(options);
  if (embedding > 1000) {
    ASSERT_GT(std::ssize(expected), 2 * GradientReducer::kBucketElements);
  }
  std::vector<std::vector<float>> of_rank(ranks);
  run_ranks(ranks, [&](Communicator& world) {
    Step step(options, world);
    step.gradient();  // a second time: nothing is left over from the first
    of_rank[world.rank()] = step.gradient();
  });
  for (const auto& gradient : of_rank) {
    EXPECT_EQ(gradient, of_rank[0]);  // bit for bit
    ASSERT_EQ(gradient.size(), expected.size());
    std::vector<float> difference(expected.size());
    for (size_t i = 0; i < expected.size(); ++i) difference[i] = gradient[i] - expected[i];
    EXPECT_LT(norm(difference), 1e-5 * norm(expected));
  }
}

INSTANTIATE_TEST_SUITE_P(RanksAndNets, SharedGradient,
                         testing::Values(std::array{2, 4, 6}, std::array{4, 4, 6}, std::array{3, 64, 2000}));

TEST(SharedGradient, IsTheNumericalDerivativeOfTheLoss) {
  run_ranks(1, [&](Communicator& world) {
    Step step(backbone(4, 6), world);
    // PReLU with a slope of 1 has no kink that a difference could step over.
    for (const Network::Parameter* parameter : step.network().trainable())
      if (parameter->spec.name.find("prelu") != std::string::npos) parameter->tensor.detach().fill_(1);
    const std::vector<float> gradient = step.gradient();
    const auto weights = step.flat_weights();
    const auto derivative = [&](int64_t i, float by) {
      const float before = weights[i];
      weights[i] = before + by;
      const double up = step.forward();
      weights[i] = before - by;
      const double down = step.forward();
      weights[i] = before;
      return (up - down) / (2.0 * by);
    };
    RandomStream random(1, Purpose::kSyntheticData);
    for (int k = 0; k < 25; ++k) {
      const int64_t i = random.below(std::ssize(weights));
      // The loss is float32: ± 1e-6 or so, over 2e-3.
      EXPECT_NEAR(gradient[i], derivative(i, 1e-3f), 0.02 * std::abs(gradient[i]) + 2e-3) << i;
    }
  });
}

TEST(SharedGradient, ARankWithoutBackwardTakesPart) {
  std::vector<std::vector<float>> sums(2);
  std::vector<float> expected;  // rank 0's own
  run_ranks(2, [&](Communicator& world) {
    Step step(backbone(4, 6), world);
    const auto flat = step.flat_gradients();
    step.forward();
    step.network().zero_gradients();
    if (world.rank() == 0) {
      step.backward();
      expected.assign(flat.begin(), flat.end());
      step.network().zero_gradients();
    }
    step.forward();
    step.arm();
    if (world.rank() == 0) step.backward();
    step.finish();
    sums[world.rank()].assign(flat.begin(), flat.end());
  });
  EXPECT_GT(norm(expected), 0);
  for (const auto& sum : sums) EXPECT_EQ(sum, expected);
}

TEST(SharedGradient, BackwardBeforeArmIsSummedWithTheLastMicroBatch) {
  run_ranks(2, [&](Communicator& world) {
    Step step(backbone(4, 6), world);
    const std::vector<float> expected = step.gradient();
    step.forward();
    step.network().zero_gradients();
    step.backward();
    step.forward();
    step.arm();
    step.backward();
    step.finish();
    const auto flat = step.flat_gradients();
    for (size_t i = 0; i < expected.size(); ++i)
      ASSERT_NEAR(flat[i], 2 * expected[i], 1e-5 * (1 + std::abs(expected[i])));
  });
}

}  // namespace
}  // namespace partialfc
