// Two normal numbers from two random words, in scalar float32, for the host and for kernels. fill_normal.cc does the same
// operations in SIMD, in the same order: where the processor fuses multiplications and additions, digits are the same.
//
// Box and Muller's method ("A note on the generation of random normal deviates", 1958):
//
//   radius = sigma · sqrt(−2 ln u), u in (0, 1] from 24 bits of the first word
//   angle in [−π/4, π/4) from 24 bits of the second
//   (radius · cos angle, radius · sin angle), turned into one of the four quadrants by two spare bits of the first word:
//   bit 0 swaps the two, bit 1 changes the sign of the cosine.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "partialfc/base/host_device.h"

namespace partialfc {

namespace normal {

// Cosine and sine on [−π/4, π/4] by their Taylor series, a factor for each power of the angle: the first terms left out
// are below 3e-8 and 3e-9.
constexpr float kCos2 = -0.5f, kCos4 = 1.0f / 24, kCos6 = -1.0f / 720, kCos8 = 1.0f / 40320;
constexpr float kSin3 = -1.0f / 6, kSin5 = 1.0f / 120, kSin7 = -1.0f / 5040, kSin9 = 1.0f / 362880;

// ln(2^e · m) = e ln 2 + 2 artanh f, m in [√½, √2), f = (m − 1) / (m + 1), |f| < 0.172, by its Taylor series too: the first
// term left out is below 1e-9 of the sum. ln 2 is in two parts, the first of so few digits that its product with e is
// exact.
constexpr float kLog3 = 2.0f / 3, kLog5 = 2.0f / 5, kLog7 = 2.0f / 7, kLog9 = 2.0f / 9;
constexpr float kLn2High = 0x1.62ep-1f, kLn2Low = 0x1.0bfbe8p-15f;
constexpr int32_t kRootOfHalf = 0x3f3504f3;  // the bits of √½

constexpr float kUnit = 0x1.0p-24f;                                  // of u
constexpr float kTurn = std::numbers::pi_v<float> / 4 * 0x1.0p-23f;  // of the angle

PFC_HOST_DEVICE inline float logarithm(float u) {
  const auto bits = std::bit_cast<int32_t>(u);
  const int32_t exponent = (bits - kRootOfHalf) >> 23;
  const auto m = std::bit_cast<float>(bits - exponent * (1 << 23));
  const float f = (m - 1) / (m + 1), square = f * f, e = static_cast<float>(exponent);
  float sum = fmaf(kLog9, square, kLog7);
  sum = fmaf(sum, square, kLog5);
  sum = fmaf(sum, square, kLog3);
  const float rest = fmaf(f * square, sum, e * kLn2Low);  // the small parts first
  return fmaf(e, kLn2High, fmaf(2.0f, f, rest));
}

}  // namespace normal

PFC_HOST_DEVICE inline void normal_pair(uint32_t first_word, uint32_t second_word, float sigma, float& first,
                                        float& second) {
  using namespace normal;
  const float u = (static_cast<float>(first_word >> 8) + 1) * kUnit;
  const float radius = sigma * sqrtf(-2 * logarithm(u));
  const float angle = static_cast<float>(static_cast<int32_t>(second_word) >> 8) * kTurn,
              square = angle * angle;
  float cosine = fmaf(kCos8, square, kCos6), sine = fmaf(kSin9, square, kSin7);
  cosine = fmaf(cosine, square, kCos4);
  cosine = fmaf(cosine, square, kCos2);
  cosine = radius * fmaf(cosine, square, 1.0f);
  sine = fmaf(sine, square, kSin5);
  sine = fmaf(sine, square, kSin3);
  sine = radius * fmaf(sine * square, angle, angle);
  if ((first_word & 2) != 0) cosine = -cosine;
  const bool swap = (first_word & 1) != 0;
  first = swap ? sine : cosine;
  second = swap ? cosine : sine;
}

}  // namespace partialfc
