// The number formats of arithmetic and storage.
#pragma once

#include <bit>
#include <cstdint>

namespace partialfc {

enum class Precision {
  kFloat32,
  kBFloat16,  // products of bfloat16 summed in float32; storage in bfloat16
};

constexpr int64_t size_of(Precision precision) { return precision == Precision::kFloat32 ? 4 : 2; }

// "fp32", "bf16": as recipes and options have it.
constexpr const char* name_of(Precision precision) {
  return precision == Precision::kFloat32 ? "fp32" : "bf16";
}

// The upper half of a float32: 8 exponent bits, 7 of the mantissa.
struct BFloat16 {
  uint16_t bits = 0;
};

constexpr float to_float(BFloat16 x) { return std::bit_cast<float>(uint32_t{x.bits} << 16); }
constexpr float to_float(float x) { return x; }

// Rounds to the nearest, to even where two are equally near; NaN stays NaN.
constexpr BFloat16 to_bfloat16(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  if (x != x) return {static_cast<uint16_t>((bits | 0x00400000u) >> 16)};
  return {static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}

}  // namespace partialfc
