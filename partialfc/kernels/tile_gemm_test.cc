#include "partialfc/kernels/tile_gemm.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <string>
#include <vector>

#include "partialfc/base/random.h"

namespace partialfc {
namespace {

// Runs for each instruction set this CPU has.
class TileGemm : public testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }
};

Matrix<float> random_operand(int64_t rows, int64_t cols, uint64_t seed) {
  Matrix<float> m(rows, cols);
  RandomStream random(seed, Purpose::kSyntheticData);
  for (int64_t i = 0; i < m.size(); ++i) m.data()[i] = static_cast<float>(random.uniform(-1, 1));
  return m;
}

TEST_P(TileGemm, IsTheReferenceForEveryShapeAndEitherOrientation) {
  for (int64_t m : {0, 1, 2, 6, 7, 13, 14, 15, 29, 128})
    for (int64_t n : {32, 96})
      for (int64_t k : {0, 1, 7, 8, 9, 100})
        for (bool transposed : {false, true})
          for (bool accumulate : {false, true}) {
            const Matrix<float> a = transposed ? random_operand(k, m, 1) : random_operand(m, k, 1);
            const Matrix<float> b = random_operand(k, n, 2);
            const int64_t stride = padded_stride(n);
            Matrix<float> got = random_operand(m, stride, 3), expected = got;
            const StridedView a_view =
                transposed ? StridedView{a.data(), m, k, 1, m} : StridedView{a.data(), m, k, k, 1};
            reference::tile_gemm(accumulate, a_view, b.view(), {expected.data(), m, n, stride});
            RowPrefetch none;
            tile_gemm(accumulate, a_view, b.view(), {got.data(), m, n, stride}, none);
            for (int64_t i = 0; i < got.size(); ++i)
              ASSERT_NEAR(got.data()[i], expected.data()[i], 2e-7f * static_cast<float>(k + 1))
                  << m << " x " << n << " x " << k << ", element " << i;
          }
}

TEST_P(TileGemm, PrefetchingChangesNothing) {
  const Matrix<float> a = random_operand(20, 50, 1), b = random_operand(50, 32, 2);
  Matrix<float> rows = random_operand(3, 16, 4), with(20, 32), without(20, 32);
  std::vector<std::byte*> next;
  for (int64_t i = 0; i < 3; ++i) next.push_back(reinterpret_cast<std::byte*>(rows[i]));
  RowPrefetch none, some(next, 64, 5);
  tile_gemm(false, {a.data(), 20, 50, 50, 1}, b.view(), without.view(), none);
  tile_gemm(false, {a.data(), 20, 50, 50, 1}, b.view(), with.view(), some);
  some.finish();
  for (int64_t i = 0; i < with.size(); ++i) EXPECT_EQ(with.data()[i], without.data()[i]);
}

TEST_P(TileGemm, PackedPanelsAreTheSameMatrix) {
  constexpr int64_t kDeep = 600, kWide = 3 * kTileColumns;  // deeper than a panel that stays near
  const Matrix<float> a = random_operand(5, kDeep, 1), b = random_operand(kDeep, kWide, 2);
  std::vector<float> packed(kDeep * kWide);
  for (int64_t k = 0; k < kDeep; ++k)
    for (int64_t j = 0; j < kWide; ++j)
      packed[(j / kTileColumns * kDeep + k) * kTileColumns + j % kTileColumns] = b(k, j);
  Matrix<float> row_major(5, kWide), panels(5, kWide);
  RowPrefetch none;
  const StridedView a_view{a.data(), 5, kDeep, kDeep, 1};
  tile_gemm(false, a_view, b.view(), row_major.view(), none);
  tile_gemm(false, a_view, {packed.data(), kDeep, kWide, kTileColumns, kDeep * kTileColumns}, panels.view(),
            none);
  for (int64_t i = 0; i < panels.size(); ++i) EXPECT_EQ(panels.data()[i], row_major.data()[i]);
}

INSTANTIATE_TEST_SUITE_P(InstructionSets, TileGemm, testing::ValuesIn(hwy::SupportedAndGeneratedTargets()),
                         [](const auto& info) { return std::string(hwy::TargetName(info.param)); });

}  // namespace
}  // namespace partialfc
