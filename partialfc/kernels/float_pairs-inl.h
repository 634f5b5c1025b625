// Elements of float or BFloat16 by pairs of float vectors, and what is per channel laid out to go with them.
// Included for each instruction set, after highway.h.
//
// A pair of float is two vectors side by side. A pair of BFloat16 is loaded as one vector of 32-bit words, whose lower
// halves (the even elements) and upper halves (the odd ones) become float by a shift and a mask: no lane is moved.
#if defined(PARTIALFC_KERNELS_FLOAT_PAIRS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PARTIALFC_KERNELS_FLOAT_PAIRS_INL_H_
#undef PARTIALFC_KERNELS_FLOAT_PAIRS_INL_H_
#else
#define PARTIALFC_KERNELS_FLOAT_PAIRS_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <numeric>
#include <type_traits>
#include <vector>

#include "partialfc/base/precision.h"

HWY_BEFORE_NAMESPACE();
namespace partialfc::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Float = hn::ScalableTag<float>;
using Bits = hn::ScalableTag<uint32_t>;
using Vector = hn::Vec<Float>;

HWY_INLINE int64_t PairSize() { return 2 * static_cast<int64_t>(hn::Lanes(Float())); }

// Where element i of a pair is in memory once the pair is stored as two vectors of float.
template <class T>
HWY_INLINE int64_t LaneOf(int64_t i) {
  if constexpr (std::is_same_v<T, float>) return i;
  return i / 2 + (i % 2) * (PairSize() / 2);
}

HWY_INLINE void LoadPair(const float* p, Vector& first, Vector& second) {
  const Float d;
  first = hn::LoadU(d, p);
  second = hn::LoadU(d, p + hn::Lanes(d));
}

HWY_INLINE void LoadPair(const BFloat16* p, Vector& first, Vector& second) {
  const Float d;
  const Bits du;
  const auto words = hn::LoadU(du, reinterpret_cast<const uint32_t*>(p));
  first = hn::BitCast(d, hn::ShiftLeft<16>(words));
  second = hn::BitCast(d, hn::And(words, hn::Set(du, 0xffff0000u)));
}

HWY_INLINE void StorePair(Vector first, Vector second, float* p) {
  const Float d;
  hn::StoreU(first, d, p);
  hn::StoreU(second, d, p + hn::Lanes(d));
}

// The bits of x with the upper half rounded as to_bfloat16 does.
HWY_INLINE hn::Vec<Bits> Rounded(Vector x) {
  const Bits du;
  const auto bits = hn::BitCast(du, x);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1));
  const auto rounded = hn::Add(hn::Add(bits, hn::Set(du, 0x7fff)), odd);
  const auto quiet = hn::Or(bits, hn::Set(du, 0x00400000));
  return hn::IfThenElse(hn::RebindMask(du, hn::IsNaN(x)), quiet, rounded);
}

HWY_INLINE void StorePair(Vector first, Vector second, BFloat16* p) {
  const Bits du;
  const auto words =
      hn::Or(hn::ShiftRight<16>(Rounded(first)), hn::And(Rounded(second), hn::Set(du, 0xffff0000u)));
  hn::StoreU(words, du, reinterpret_cast<uint32_t*>(p));
}

// The smallest number of elements that is both whole rows and whole pairs: element i of the activations has position
// i mod period, and what is per channel is repeated over a period.
HWY_INLINE int64_t Period(int64_t channels) { return std::lcm(channels, PairSize()); }

// Values of the channels over a period, in the order of the lanes of pairs of T; zeros for a null pointer.
template <class T>
std::vector<float> Spread(const float* values, int64_t channels) {
  std::vector<float> spread(Period(channels));
  if (values == nullptr) return spread;
  const int64_t pair = PairSize();
  for (int64_t begin = 0, channel = 0; begin < static_cast<int64_t>(spread.size()); begin += pair)
    for (int64_t i = 0; i < pair; ++i) {
      spread[begin + LaneOf<T>(i)] = values[channel];
      if (++channel == channels) channel = 0;
    }
  return spread;
}

}  // namespace partialfc::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // PARTIALFC_KERNELS_FLOAT_PAIRS_INL_H_
