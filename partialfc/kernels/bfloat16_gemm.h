// Matrix products of bfloat16 operands summed in float32, on tiles that lie in the cache; on CPUs with AMX tiles or
// AVX-512 bfloat16 dot products.
//
// One operand is row-major. The other holds pairs: (k, j) stands at row k/2, column 2j + k % 2, as both instruction sets
// multiply two neighbours along k at a time.
#pragma once

#include <cstdint>

#include "partialfc/base/matrix.h"
#include "partialfc/base/precision.h"
#include "partialfc/kernels/prefetch.h"

namespace partialfc {

enum class BFloat16Unit { kNone, kDotProduct, kTiles };

// The best this CPU and system offer. "avx512_bf16" and "amx_bf16" are their names in /proc/cpuinfo.
BFloat16Unit bfloat16_unit();

// Operands are padded with zeros to whole tiles: every dimension to a multiple of this.
constexpr int64_t kBFloat16Tile = 32;
constexpr int64_t padded_to_tile(int64_t n) {
  return (n + kBFloat16Tile - 1) / kBFloat16Tile * kBFloat16Tile;
}

// c ← a · b, or c + a · b where accumulate. a (m, k); b: pairs (k/2, 2n); c (m, n); m, k, n multiples of kBFloat16Tile.
// `next` advances once for each 32 × 32 of c and 32 of k. unit: at most bfloat16_unit().
void bfloat16_gemm(BFloat16Unit unit, bool accumulate, MatrixView<const BFloat16> a,
                   MatrixView<const BFloat16> b, MatrixView<float> c, RowPrefetch& next);

// Makes operands; all need an unit other than kNone.
// out_i ← x_i, rounded to the nearest
void to_bfloat16(const float* x, BFloat16* out, int64_t n);
// pairs (2n) ← x_0, y_0, x_1, y_1, …
void interleave(const BFloat16* x, const BFloat16* y, BFloat16* pairs, int64_t n);
// out (n, m) ← a (m, n) transposed, rounded to the nearest. m a multiple of 32, n of 16.
void transpose_to_bfloat16(MatrixView<const float> a, MatrixView<BFloat16> out);

}  // namespace partialfc
