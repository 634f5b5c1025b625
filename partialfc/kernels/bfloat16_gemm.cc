#include "partialfc/kernels/bfloat16_gemm.h"

#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "partialfc/base/error.h"

#define PFC_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#define PFC_AMX __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16,amx-tile,amx-bf16")))

namespace partialfc {

namespace {

constexpr int64_t kSide = 16;  // rows of a tile register; its columns are 64 bytes

// The kernel keeps no tile registers for a process until it asks.
bool system_grants_tiles() {
  constexpr int kArchReqXcompPerm = 0x1023, kXTileData = 18;
  return ::syscall(SYS_arch_prctl, kArchReqXcompPerm, kXTileData) == 0;
}

BFloat16Unit find_unit() {
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx512bf16") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512vl"))
    return BFloat16Unit::kNone;
  unsigned a, b, c, d;
  asm volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(7), "c"(0));
  const bool amx_bf16 = d >> 22 & 1, amx_tile = d >> 24 & 1;
  return amx_bf16 && amx_tile && system_grants_tiles() ? BFloat16Unit::kTiles : BFloat16Unit::kDotProduct;
}

struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t column_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// c (32, 32) from tile registers 0 … 3.
PFC_AMX void store_block(bool accumulate, float* c, int64_t stride) {
  const int64_t bytes = stride * int64_t{sizeof(float)};
  if (!accumulate) {
    _tile_stored(0, c, bytes);
    _tile_stored(1, c + kSide, bytes);
    _tile_stored(2, c + kSide * stride, bytes);
    _tile_stored(3, c + kSide * stride + kSide, bytes);
    return;
  }
  alignas(64) float sums[32 * 32];
  _tile_stored(0, sums, 128);
  _tile_stored(1, sums + kSide, 128);
  _tile_stored(2, sums + kSide * 32, 128);
  _tile_stored(3, sums + kSide * 32 + kSide, 128);
  for (int64_t i = 0; i < 32; ++i)
    for (int64_t j = 0; j < 32; j += kSide) {
      float* out = c + i * stride + j;
      _mm512_storeu_ps(out, _mm512_add_ps(_mm512_loadu_ps(out), _mm512_load_ps(sums + i * 32 + j)));
    }
}

PFC_AMX void gemm_tiles(bool accumulate, MatrixView<const BFloat16> a, MatrixView<const BFloat16> b,
                        MatrixView<float> c, RowPrefetch& next) {
  const TileConfig config;
  _tile_loadconfig(&config);
  const int64_t a_bytes = a.stride * 2, b_bytes = b.stride * 2;
  for (int64_t i = 0; i < c.rows; i += 32)
    for (int64_t j = 0; j < c.cols; j += 32) {
      _tile_zero(0);
      _tile_zero(1);
      _tile_zero(2);
      _tile_zero(3);
      for (int64_t k = 0; k < a.cols; k += 32) {
        _tile_loadd(4, a[i] + k, a_bytes);
        _tile_loadd(6, b[k / 2] + 2 * j, b_bytes);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, b[k / 2] + 2 * (j + kSide), b_bytes);
        _tile_dpbf16ps(1, 4, 7);
        _tile_loadd(5, a[i + kSide] + k, a_bytes);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
        next.advance();
      }
      store_block(accumulate, c[i] + j, c.stride);
    }
  _tile_release();
}

// Without tiles: 8 rows of 32 columns at a time in registers.
PFC_AVX512 void gemm_dot_products(bool accumulate, MatrixView<const BFloat16> a, MatrixView<const BFloat16> b,
                                  MatrixView<float> c, RowPrefetch& next) {
  constexpr int kRows = 8;
  for (int64_t i = 0; i < c.rows; i += kRows)
    for (int64_t j = 0; j < c.cols; j += 32) {
      __m512 left[kRows], right[kRows];
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) left[r] = right[r] = _mm512_setzero_ps();
      for (int64_t k = 0; k < a.cols; k += 2) {
        const auto b0 = (__m512bh)_mm512_loadu_si512(b[k / 2] + 2 * j);
        const auto b1 = (__m512bh)_mm512_loadu_si512(b[k / 2] + 2 * (j + kSide));
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) {
          int pair;
          __builtin_memcpy(&pair, a[i + r] + k, sizeof pair);
          const auto element = (__m512bh)_mm512_set1_epi32(pair);
          left[r] = _mm512_dpbf16_ps(left[r], element, b0);
          right[r] = _mm512_dpbf16_ps(right[r], element, b1);
        }
        if (k % 128 == 0) next.advance();
      }
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        float* out = c[i + r] + j;
        if (accumulate) {
          left[r] = _mm512_add_ps(left[r], _mm512_loadu_ps(out));
          right[r] = _mm512_add_ps(right[r], _mm512_loadu_ps(out + kSide));
        }
        _mm512_storeu_ps(out, left[r]);
        _mm512_storeu_ps(out + kSide, right[r]);
      }
    }
}

// rows[i], lane j ← rows[j], lane i: 16 × 16 words.
PFC_AVX512 inline void transpose(__m512i rows[16]) {
  __m512i t[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    rows[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    rows[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    rows[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    rows[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_i32x4(rows[i], rows[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(rows[i], rows[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(rows[i + 8], rows[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(rows[i + 8], rows[i + 12], 0xdd);
  }
  for (int i = 0; i < 4; ++i) {
    rows[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    rows[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
    rows[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
    rows[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
  }
}

PFC_AVX512 void transpose_to_bfloat16_avx512(MatrixView<const float> a, MatrixView<BFloat16> out) {
  // Words 0, 16, 1, 17, …: the two halves of a conversion, taken in turn.
  alignas(64) static constexpr uint16_t kInTurn[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                       21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                       11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  const __m512i in_turn = _mm512_load_si512(kInTurn);
  for (int64_t j = 0; j < a.rows; j += 32)
    for (int64_t n = 0; n < a.cols; n += kSide) {
      __m512i pairs[16];
      for (int64_t k = 0; k < 16; ++k) {
        const __m512 even = _mm512_loadu_ps(a[j + 2 * k] + n), odd = _mm512_loadu_ps(a[j + 2 * k + 1] + n);
        pairs[k] = _mm512_permutexvar_epi16(in_turn, (__m512i)_mm512_cvtne2ps_pbh(odd, even));
      }
      transpose(pairs);
      for (int64_t i = 0; i < kSide; ++i) _mm512_storeu_si512(out[n + i] + j, pairs[i]);
    }
}

PFC_AVX512 void to_bfloat16_avx512(const float* x, BFloat16* out, int64_t n) {
  int64_t i = 0;
  for (; i + kSide <= n; i += kSide)
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i),
                        (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(x + i)));
  for (; i < n; ++i) out[i] = to_bfloat16(x[i]);
}

PFC_AVX512 void interleave_avx512(const BFloat16* x, const BFloat16* y, BFloat16* pairs, int64_t n) {
  int64_t i = 0;
  for (; i + kSide <= n; i += kSide) {
    const __m512i low = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + i)));
    const __m512i high = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(y + i)));
    _mm512_storeu_si512(pairs + 2 * i, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
  }
  for (; i < n; ++i) {
    pairs[2 * i] = x[i];
    pairs[2 * i + 1] = y[i];
  }
}

void need_unit() { PFC_CHECK(bfloat16_unit() != BFloat16Unit::kNone); }

}  // namespace

BFloat16Unit bfloat16_unit() {
  static const BFloat16Unit unit = find_unit();
  return unit;
}

void bfloat16_gemm(BFloat16Unit unit, bool accumulate, MatrixView<const BFloat16> a,
                   MatrixView<const BFloat16> b, MatrixView<float> c, RowPrefetch& next) {
  PFC_CHECK(unit != BFloat16Unit::kNone && unit <= bfloat16_unit());
  PFC_CHECK(a.rows == c.rows && a.cols == 2 * b.rows && b.cols == 2 * c.cols && a.rows % kBFloat16Tile == 0 &&
                a.cols % kBFloat16Tile == 0 && c.cols % kBFloat16Tile == 0,
            "({}, {}) x pairs ({}, {}) into ({}, {})", a.rows, a.cols, b.rows, b.cols, c.rows, c.cols);
  (unit == BFloat16Unit::kTiles ? gemm_tiles : gemm_dot_products)(accumulate, a, b, c, next);
}

void to_bfloat16(const float* x, BFloat16* out, int64_t n) {
  need_unit();
  to_bfloat16_avx512(x, out, n);
}

void interleave(const BFloat16* x, const BFloat16* y, BFloat16* pairs, int64_t n) {
  need_unit();
  interleave_avx512(x, y, pairs, n);
}

void transpose_to_bfloat16(MatrixView<const float> a, MatrixView<BFloat16> out) {
  need_unit();
  PFC_CHECK(a.rows % 32 == 0 && a.cols % 16 == 0 && out.rows == a.cols && out.cols == a.rows);
  transpose_to_bfloat16_avx512(a, out);
}

}  // namespace partialfc
