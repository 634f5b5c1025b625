#include "partialfc/kernels/gemm.h"

#include <gtest/gtest.h>

#include "partialfc/base/random.h"

namespace partialfc {
namespace {

Matrix<float> random_matrix(int64_t rows, int64_t cols, uint64_t seed) {
  Matrix<float> matrix(rows, cols);
  RandomStream random(seed, Purpose::kSyntheticData);
  for (int64_t i = 0; i < matrix.size(); ++i) matrix.data()[i] = static_cast<float>(random.uniform(-1, 1));
  return matrix;
}

TEST(Gemm, EqualsTheReference) {
  for (int64_t m : {1, 3, 64})
    for (int64_t n : {1, 7, 130})
      for (int64_t k : {1, 5, 256})
        for (Transpose ta : {Transpose::kNo, Transpose::kYes})
          for (Transpose tb : {Transpose::kNo, Transpose::kYes})
            for (float beta : {0.0f, 0.5f}) {
              const bool a_is_tall = ta == Transpose::kYes, b_is_tall = tb == Transpose::kYes;
              const auto a = a_is_tall ? random_matrix(k, m, 1) : random_matrix(m, k, 1);
              const auto b = b_is_tall ? random_matrix(n, k, 2) : random_matrix(k, n, 2);
              // c is a part of a wider matrix; what lies beside it must stay.
              Matrix<float> got = random_matrix(m, n + 3, 3), expected = got;
              gemm(ta, tb, 1.5f, a.view(), b.view(), beta, {got.data(), m, n, n + 3});
              reference::gemm(ta, tb, 1.5f, a.view(), b.view(), beta, {expected.data(), m, n, n + 3});
              for (int64_t i = 0; i < got.size(); ++i)
                // k + 2 roundings of terms of size 1.5 at most and of their sum.
                ASSERT_NEAR(got.data()[i], expected.data()[i], 0x1p-24 * 4 * (k + 2))
                    << m << " " << n << " " << k;
            }
}

TEST(Gemm, WrongShapesAreRefused) {
  Matrix<float> a(2, 3), b(4, 5), c(2, 5);
  EXPECT_THROW(gemm(Transpose::kNo, Transpose::kNo, 1, a.view(), b.view(), 0, c.view()), InternalError);
}

}  // namespace
}  // namespace partialfc
