#include "partialfc/kernels/gemm.h"

#include <cblas.h>

namespace partialfc {

namespace {

struct Shape {
  int64_t m, n, k;
};

Shape check_shapes(Transpose transpose_a, Transpose transpose_b, MatrixView<const float> a,
                   MatrixView<const float> b, MatrixView<float> c) {
  const bool ta = transpose_a == Transpose::kYes, tb = transpose_b == Transpose::kYes;
  const int64_t m = ta ? a.cols : a.rows, k = ta ? a.rows : a.cols;
  const int64_t k_of_b = tb ? b.cols : b.rows, n = tb ? b.rows : b.cols;
  PFC_CHECK(k == k_of_b && c.rows == m && c.cols == n, "({}, {}) x ({}, {}) into ({}, {})", m, k, k_of_b, n,
            c.rows, c.cols);
  return {m, n, k};
}

}  // namespace

void gemm(Transpose transpose_a, Transpose transpose_b, float alpha, MatrixView<const float> a,
          MatrixView<const float> b, float beta, MatrixView<float> c) {
  [[maybe_unused]] static const bool single_threaded = (openblas_set_num_threads(1), true);
  const auto [m, n, k] = check_shapes(transpose_a, transpose_b, a, b, c);
  if (m == 0 || n == 0) return;
  const auto order = [](Transpose t) { return t == Transpose::kYes ? CblasTrans : CblasNoTrans; };
  cblas_sgemm(CblasRowMajor, order(transpose_a), order(transpose_b), m, n, k, alpha, a.data,
              std::max<int64_t>(1, a.stride), b.data, std::max<int64_t>(1, b.stride), beta, c.data,
              std::max<int64_t>(1, c.stride));
}

namespace reference {

void gemm(Transpose transpose_a, Transpose transpose_b, float alpha, MatrixView<const float> a,
          MatrixView<const float> b, float beta, MatrixView<float> c) {
  const auto [m, n, k] = check_shapes(transpose_a, transpose_b, a, b, c);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t l = 0; l < k; ++l) {
        const double x = transpose_a == Transpose::kYes ? a(l, i) : a(i, l);
        const double y = transpose_b == Transpose::kYes ? b(j, l) : b(l, j);
        sum += x * y;
      }
      c(i, j) = static_cast<float>(alpha * sum + (beta == 0 ? 0.0 : double{beta} * c(i, j)));
    }
}

}  // namespace reference
}  // namespace partialfc
