#include "partialfc/kernels/bfloat16_rows.h"

#include <immintrin.h>

#include "partialfc/base/error.h"
#include "partialfc/kernels/bfloat16_gemm.h"

#define PFC_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))

namespace partialfc {

namespace {

constexpr int64_t kSide = 16;  // numbers in a register as float32

PFC_AVX512 inline __m512 load(const BFloat16* x) {
  const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

PFC_AVX512 void to_float_avx512(const BFloat16* x, float* out, int64_t n) {
  int64_t i = 0;
  for (; i + kSide <= n; i += kSide) _mm512_storeu_ps(out + i, load(x + i));
  for (; i < n; ++i) out[i] = to_float(x[i]);
}

// rounding_bits() of 16 pairs, but for the key's high half.
PFC_AVX512 inline __m512i pair_bits(__m512i pairs) {
  __m512i bits = _mm512_xor_si512(pairs, _mm512_srli_epi32(pairs, 16));
  bits = _mm512_mullo_epi32(bits, _mm512_set1_epi32(0x7feb352d));
  bits = _mm512_xor_si512(bits, _mm512_srli_epi32(bits, 15));
  bits = _mm512_mullo_epi32(bits, _mm512_set1_epi32(static_cast<int>(0x846ca68bu)));
  return _mm512_xor_si512(bits, _mm512_srli_epi32(bits, 16));
}

PFC_AVX512 void round_stochastically_avx512(uint64_t key, const float* x, BFloat16* out, int64_t n) {
  const __m512i high = _mm512_set1_epi32(static_cast<int>(key >> 32));
  const __m512i step = _mm512_set1_epi32(kSide), low_halves = _mm512_set1_epi32(0xffff);
  __m512i pairs = _mm512_add_epi32(_mm512_set1_epi32(static_cast<int>(key)),
                                   _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
  const __m512i evens = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0),
                odds = _mm512_add_epi32(evens, _mm512_set1_epi32(1));
  for (int64_t i = 0; i < n; i += 2 * kSide, pairs = _mm512_add_epi32(pairs, step)) {
    const uint64_t all = n - i >= 2 * kSide ? 0xffffffffu : (uint64_t{1} << (n - i)) - 1;
    const auto mask = static_cast<__mmask32>(all);
    const __m512i bits = _mm512_xor_si512(pair_bits(pairs), high);
    const auto front = static_cast<__mmask16>(mask), back = static_cast<__mmask16>(mask >> 16);
    const __m512i first = _mm512_castps_si512(_mm512_maskz_loadu_ps(front, x + i)),
                  second = _mm512_castps_si512(_mm512_maskz_loadu_ps(back, x + i + kSide));
    // The numbers of a pair in a word each: the sums' upper halves come to lie side by side.
    const __m512i even =
        _mm512_add_epi32(_mm512_permutex2var_epi32(first, evens, second), _mm512_and_si512(bits, low_halves));
    const __m512i odd =
        _mm512_add_epi32(_mm512_permutex2var_epi32(first, odds, second), _mm512_srli_epi32(bits, 16));
    const __m512i rounded = _mm512_mask_blend_epi16(0xaaaaaaaau, _mm512_srli_epi32(even, 16), odd);
    _mm512_mask_storeu_epi16(out + i, mask, rounded);
  }
}

PFC_AVX512 float dot_avx512(const BFloat16* x, const float* y, int64_t n) {
  __m512 even = _mm512_setzero_ps(), odd = even;
  int64_t i = 0;
  for (; i + 2 * kSide <= n; i += 2 * kSide) {
    even = _mm512_fmadd_ps(load(x + i), _mm512_loadu_ps(y + i), even);
    odd = _mm512_fmadd_ps(load(x + i + kSide), _mm512_loadu_ps(y + i + kSide), odd);
  }
  float sum = _mm512_reduce_add_ps(_mm512_add_ps(even, odd));
  for (; i < n; ++i) sum += to_float(x[i]) * y[i];
  return sum;
}

PFC_AVX512 float squared_norm_avx512(const BFloat16* x, int64_t n) {
  __m512 even = _mm512_setzero_ps(), odd = even;
  int64_t i = 0;
  for (; i + 2 * kSide <= n; i += 2 * kSide) {
    const __m512 a = load(x + i), b = load(x + i + kSide);
    even = _mm512_fmadd_ps(a, a, even);
    odd = _mm512_fmadd_ps(b, b, odd);
  }
  float sum = _mm512_reduce_add_ps(_mm512_add_ps(even, odd));
  for (; i < n; ++i) sum += to_float(x[i]) * to_float(x[i]);
  return sum;
}

void need_unit() { PFC_CHECK(bfloat16_unit() != BFloat16Unit::kNone); }

}  // namespace

void to_float(const BFloat16* x, float* out, int64_t n) {
  need_unit();
  to_float_avx512(x, out, n);
}

void round_stochastically(uint64_t key, const float* x, BFloat16* out, int64_t n) {
  need_unit();
  round_stochastically_avx512(key, x, out, n);
}

float dot(const BFloat16* x, const float* y, int64_t n) {
  need_unit();
  return dot_avx512(x, y, n);
}

float squared_norm(const BFloat16* x, int64_t n) {
  need_unit();
  return squared_norm_avx512(x, n);
}

}  // namespace partialfc
