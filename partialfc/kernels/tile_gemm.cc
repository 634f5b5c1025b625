#include "partialfc/kernels/tile_gemm.h"

#include <algorithm>
#include <utility>

#include "partialfc/base/error.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "partialfc/kernels/tile_gemm.cc"
#include <hwy/foreach_target.h>  // compiles this file once for each instruction set; before the next

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace partialfc::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Float = hn::CappedTag<float, 16>;
using Vector = hn::Vec<Float>;

// Sums held in registers: kMaxRows rows of two vectors, which with two vectors of b and one element of a fill 32
// registers (AVX-512) or 16 (AVX2).
#if HWY_TARGET <= HWY_AVX3
constexpr int kMaxRows = 14;
#else
constexpr int kMaxRows = 6;
#endif

constexpr int64_t kDepth = 512;  // of a panel of b
constexpr int64_t kAhead = 4;    // steps along k from a prefetch into the level-1 cache to its use

template <int kRows>
void Block(bool accumulate, const StridedView& a, const float* HWY_RESTRICT b, int64_t b_stride,
           float* HWY_RESTRICT c, int64_t c_stride, RowPrefetch& next) {
  const Float d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  Vector left[kRows], right[kRows];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) left[i] = right[i] = hn::Zero(d);
  if (accumulate)  // c may be as far as memory, and its rows are strided
    for (int i = 0; i < kRows; ++i) {
      __builtin_prefetch(c + i * c_stride, 1, 3);
      __builtin_prefetch(c + i * c_stride + lanes, 1, 3);
    }
  const float* column = a.data;
  for (int64_t k = 0; k < a.cols;) {
    const int64_t stop = std::min(a.cols, k + kPrefetchInterval);
    for (; k < stop; ++k, column += a.col_stride, b += b_stride) {
      // Rows of b, and columns of a, are strided: the hardware does not see them coming.
      __builtin_prefetch(b + kAhead * b_stride, 0, 3);
      __builtin_prefetch(b + kAhead * b_stride + lanes, 0, 3);
      __builtin_prefetch(column + kAhead * a.col_stride, 0, 3);
      const auto b0 = hn::LoadU(d, b), b1 = hn::LoadU(d, b + lanes);
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i) {
        const auto element = hn::Set(d, column[i * a.row_stride]);
        left[i] = hn::MulAdd(element, b0, left[i]);
        right[i] = hn::MulAdd(element, b1, right[i]);
      }
    }
    next.advance();
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    float* out = c + i * c_stride;
    if (accumulate) {  // a short sum added to a long one rounds less than one long sum
      left[i] = hn::Add(left[i], hn::LoadU(d, out));
      right[i] = hn::Add(right[i], hn::LoadU(d, out + lanes));
    }
    hn::StoreU(left[i], d, out);
    hn::StoreU(right[i], d, out + lanes);
  }
}

using BlockFunction = void (*)(bool, const StridedView&, const float*, int64_t, float*, int64_t,
                               RowPrefetch&);

template <int... kRows>
BlockFunction BlockOf(int64_t rows, std::integer_sequence<int, kRows...>) {
  static constexpr BlockFunction kFunctions[] = {Block<kRows + 1>...};
  return kFunctions[rows - 1];
}

// A panel of b, kDepth rows of two vectors, stays near while all rows of a pass by.
void TileGemm(bool accumulate, const StridedView& a, const PanelView& b, MatrixView<float> c,
              RowPrefetch& next) {
  const int64_t width = 2 * static_cast<int64_t>(hn::Lanes(Float()));  // divides kTileColumns
  const int64_t blocks = (a.rows + kMaxRows - 1) / kMaxRows;
  for (int64_t k = 0; k == 0 || k < a.cols; k += kDepth)
    for (int64_t j = 0; j < c.cols; j += width) {
      const float* panel = b.data + j / kTileColumns * b.panel_stride + k * b.row_stride + j % kTileColumns;
      for (int64_t block = 0; block < blocks; ++block) {
        const int64_t first = a.rows * block / blocks, last = a.rows * (block + 1) / blocks;
        const StridedView part{a.data + first * a.row_stride + k * a.col_stride, last - first,
                               std::min(kDepth, a.cols - k), a.row_stride, a.col_stride};
        BlockOf(last - first, std::make_integer_sequence<int, kMaxRows>())(
            accumulate || k > 0, part, panel, b.row_stride, c[first] + j, c.stride, next);
      }
    }
}

}  // namespace partialfc::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace partialfc {

HWY_EXPORT(TileGemm);

void tile_gemm(bool accumulate, StridedView a, PanelView b, MatrixView<float> c, RowPrefetch& next) {
  PFC_CHECK(a.rows == c.rows && a.cols == b.rows && b.cols == c.cols && c.cols % kTileColumns == 0,
            "({}, {}) x ({}, {}) into ({}, {})", a.rows, a.cols, b.rows, b.cols, c.rows, c.cols);
  HWY_DYNAMIC_DISPATCH(TileGemm)(accumulate, a, b, c, next);
}

namespace reference {

void tile_gemm(bool accumulate, StridedView a, MatrixView<const float> b, MatrixView<float> c) {
  for (int64_t i = 0; i < c.rows; ++i)
    for (int64_t j = 0; j < c.cols; ++j) {
      double sum = accumulate ? c(i, j) : 0;
      for (int64_t k = 0; k < a.cols; ++k)
        sum += double{a.data[i * a.row_stride + k * a.col_stride]} * b(k, j);
      c(i, j) = static_cast<float>(sum);
    }
}

}  // namespace reference
}  // namespace partialfc
#endif  // HWY_ONCE
