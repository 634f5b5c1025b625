#include "measure/precision_loss.h"

#include <gmock/gmock.h>

#include "partialfc/base/file.h"
#include "partialfc/base/random.h"
#include "partialfc/base/test_support.h"
#include "partialfc/formats/npy.h"

namespace partialfc {
namespace {

using testing::HasSubstr;

// Features of 20 classes, well apart.
std::string write_features(const ScratchFolder& folder) {
  constexpr int64_t kRows = 200, kClasses = 20, kColumns = 16;
  const std::string name = (folder / "features").string();
  NpyWriter<float> features(name + ".npy", kColumns);
  std::string keys;
  for (int64_t i = 0; i < kRows; ++i) {
    const int64_t label = i % kClasses;
    std::vector<float> row(kColumns);
    RandomStream center(1, Purpose::kSyntheticData, label);
    for (float& value : row) value = static_cast<float>(center.normal());
    features.append(std::span<const float>(row));
    keys += fmt::format("{}\t{}\timage {}\n", i, label, i);
  }
  features.close();
  write_file_atomically(name + ".keys.tsv", keys);
  return name;
}

TEST(PrecisionLoss, BothPrecisionsLearnTheSame) {
  const ScratchFolder folder;
  const PrecisionLossOptions options{
      .features = write_features(folder), .steps = 60, .batch = 32, .sample_rate = 0.5, .learning_rate = 0.2};
  PrecisionLoss loss;
  if (message_of([&] { loss = measure_precision_loss(options); }).find("no bfloat16") != std::string::npos)
    GTEST_SKIP() << "this CPU has no bfloat16 products";
  EXPECT_EQ(loss.features, 200);
  EXPECT_EQ(loss.dim, 16);
  EXPECT_EQ(loss.classes, 20);
  EXPECT_LT(loss.fp32_loss, loss.first_loss);
  EXPECT_NE(loss.fp32_loss, loss.bf16_loss);
  EXPECT_LT(std::abs(loss.difference()), 0.1);
}

TEST(PrecisionLoss, FeaturesWithoutTheirKeysAreRefused) {
  const ScratchFolder folder;
  const std::string name = write_features(folder);
  write_file_atomically(name + ".keys.tsv", "0\tnought\timage 0\n");
  EXPECT_THAT(message_of([&] { measure_precision_loss({.features = name}); }),
              testing::AllOf(HasSubstr("features.keys.tsv, line 1"), HasSubstr("nought")));
}

}  // namespace
}  // namespace partialfc
