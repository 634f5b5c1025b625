// Matrix products on tiles that lie in the cache: no packing, no parallelism. Float32, SIMD for the instruction set found
// at run time.
#pragma once

#include <cstdint>

#include "partialfc/base/matrix.h"
#include "partialfc/kernels/prefetch.h"

namespace partialfc {

// A matrix of which an element is used at a time: (i, k) is at data[i * row_stride + k * col_stride].
struct StridedView {
  const float* data = nullptr;
  int64_t rows = 0, cols = 0;
  int64_t row_stride = 0, col_stride = 1;
};

// Columns are worked on in whole vectors: operands b and c of tile_gemm() have a multiple of this many.
constexpr int64_t kTileColumns = 32;

// n rounded up to whole vectors.
constexpr int64_t padded_columns(int64_t n) { return (n + kTileColumns - 1) / kTileColumns * kTileColumns; }

// Stride of a row-major operand of n columns. Odd in cache lines: else the rows of a column share a few cache sets.
constexpr int64_t padded_stride(int64_t n) { return padded_columns(n) + 16; }

// c ← a · b, or c + a · b where accumulate. a (m, k), b (k, n), c (m, n), n a multiple of kTileColumns. Meanwhile
// `next` advances, once in kPrefetchInterval steps along k.
void tile_gemm(bool accumulate, StridedView a, MatrixView<const float> b, MatrixView<float> c,
               RowPrefetch& next);

constexpr int64_t kPrefetchInterval = 8;

namespace reference {
void tile_gemm(bool accumulate, StridedView a, MatrixView<const float> b, MatrixView<float> c);
}  // namespace reference

}  // namespace partialfc
