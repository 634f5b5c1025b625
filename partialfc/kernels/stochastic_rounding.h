// Rounding float32 to bfloat16 up or down at random, so that the mean is the number: the bits are a function of (key, place)
// alone, the same in every instruction set and on every device.
#pragma once

#include <bit>
#include <cstdint>

#include "partialfc/base/precision.h"

namespace partialfc {

// Random bits for the numbers at places 2·pair (the lower 16) and 2·pair + 1 (the upper) under a key that is mixed well.
// The middle is Wellons' "lowbias32" (2018), a bijection of 32-bit words.
constexpr uint32_t rounding_bits(uint64_t key, uint32_t pair) {
  uint32_t x = pair + static_cast<uint32_t>(key);
  x = (x ^ (x >> 16)) * 0x7feb352du;
  x = (x ^ (x >> 15)) * 0x846ca68bu;
  return x ^ (x >> 16) ^ static_cast<uint32_t>(key >> 32);
}

// x rounded up where the 16 bits that it loses and these carry, else down. x is finite.
constexpr BFloat16 round_with(uint32_t random16, float x) {
  return {static_cast<uint16_t>((std::bit_cast<uint32_t>(x) + random16) >> 16)};
}

namespace reference {
inline void round_stochastically(uint64_t key, const float* x, BFloat16* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const uint32_t bits = rounding_bits(key, static_cast<uint32_t>(i / 2));
    out[i] = round_with(i % 2 == 0 ? bits & 0xffffu : bits >> 16, x[i]);
  }
}
}  // namespace reference

}  // namespace partialfc
