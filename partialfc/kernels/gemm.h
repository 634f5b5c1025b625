// Matrix product on one thread, float32: C ← alpha · op(A) · op(B) + beta · C.
//
// The first call makes OpenBLAS single-threaded for the whole process: parallelism is ours, over tiles.
#pragma once

#include "partialfc/base/matrix.h"

namespace partialfc {

enum class Transpose : bool { kNo, kYes };

// op(a) is (M, K), op(b) is (K, N), c is (M, N); all row-major. Other shapes are a broken invariant.
void gemm(Transpose transpose_a, Transpose transpose_b, float alpha, MatrixView<const float> a,
          MatrixView<const float> b, float beta, MatrixView<float> c);

namespace reference {
void gemm(Transpose transpose_a, Transpose transpose_b, float alpha, MatrixView<const float> a,
          MatrixView<const float> b, float beta, MatrixView<float> c);
}  // namespace reference

}  // namespace partialfc
