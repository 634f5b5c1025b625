// Matrix products on tiles that lie in the cache: no parallelism. Float32, SIMD for the instruction set found at run
// time.
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

// A matrix (k, n) of which kTileColumns neighbors in a row are used at a time, n a multiple of that: (k, j) is at
// data[j / kTileColumns * panel_stride + k * row_stride + j % kTileColumns]. Either row-major, or packed: a panel's rows
// lie behind one another, which the hardware prefetches from a farther cache.
struct PanelView {
  const float* data = nullptr;
  int64_t rows = 0, cols = 0;
  int64_t row_stride = 0, panel_stride = 0;

  PanelView(MatrixView<const float> m)  // NOLINT: a row-major matrix is one
      : PanelView(m.data, m.rows, m.cols, m.stride, kTileColumns) {}
  PanelView(const float* data, int64_t rows, int64_t cols, int64_t row_stride, int64_t panel_stride)
      : data(data), rows(rows), cols(cols), row_stride(row_stride), panel_stride(panel_stride) {}
};

// c ← a · b, or c + a · b where accumulate. a (m, k), b (k, n), c (m, n). Meanwhile `next` advances, once in
// kPrefetchInterval steps along k.
void tile_gemm(bool accumulate, StridedView a, PanelView b, MatrixView<float> c, RowPrefetch& next);

constexpr int64_t kPrefetchInterval = 8;

namespace reference {
void tile_gemm(bool accumulate, StridedView a, MatrixView<const float> b, MatrixView<float> c);
}  // namespace reference

}  // namespace partialfc
