// fill_normal() of random.h, for each instruction set.
//
// Four numbers come from the four words of philox(key, counter, id), counter = i / 4. A pair of words gives a pair of
// numbers by Box and Muller's method ("A note on the generation of random normal deviates", 1958):
//
//   radius = sigma · sqrt(−2 ln u), u in (0, 1] from 24 bits of the first word
//   angle in [−π/4, π/4) from 24 bits of the second
//   (radius · cos angle, radius · sin angle), turned into one of the four quadrants by two spare bits of the first word:
//   bit 0 swaps the two, bit 1 changes the sign of the cosine.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "partialfc/base/random.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "partialfc/base/fill_normal.cc"
#include <hwy/foreach_target.h>  // compiles this file once for each instruction set; before the other two

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace partialfc::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
#if HWY_TARGET == HWY_SCALAR

// Two of four numbers, from two words.
void NormalPair(uint32_t first_word, uint32_t second_word, float sigma, float* out) {
  const float u = (static_cast<float>(first_word >> 8) + 1) * 0x1.0p-24f;
  const float radius = sigma * std::sqrt(-2 * std::log(u));
  const float angle = static_cast<float>(static_cast<int32_t>(second_word) >> 8) *
                      (std::numbers::pi_v<float> / 4 * 0x1.0p-23f);
  const float cosine = (first_word & 2) != 0 ? -radius * std::cos(angle) : radius * std::cos(angle);
  const float sine = radius * std::sin(angle);
  const bool swap = (first_word & 1) != 0;
  out[0] = swap ? sine : cosine;
  out[1] = swap ? cosine : sine;
}

void FillNormal(float* HWY_RESTRICT out, size_t size, uint64_t key, uint64_t id, float sigma) {
  for (size_t i = 0; i < size; i += 4) {
    const auto words = philox(key, i / 4, id);
    float numbers[4];
    NormalPair(words[0], words[1], sigma, numbers);
    NormalPair(words[2], words[3], sigma, numbers + 2);
    std::copy_n(numbers, std::min<size_t>(4, size - i), out + i);
  }
}

#else

using Float = hn::ScalableTag<float>;
using Word = hn::ScalableTag<uint32_t>;
using DoubleWord = hn::ScalableTag<uint64_t>;
using Words = hn::Vec<Word>;
using Floats = hn::Vec<Float>;

#if HWY_TARGET == HWY_SCALAR

HWY_INLINE void Philox(uint64_t key, uint64_t counter, uint64_t id, Words (&words)[4]) {
  const auto block = philox(key, counter, id);
  for (int i = 0; i < 4; ++i) words[i] = hn::Set(Word(), block[i]);
}

#else

// philox() of a counter in each 64-bit lane. The words are the lower halves of the lanes: multiplication reads only
// those, so that nothing has to clear the upper ones.
struct PhiloxState {
  Words c0, c1, c2, c3;

  HWY_INLINE PhiloxState(hn::Vec<DoubleWord> counter, uint64_t id)
      : c0(hn::BitCast(Word(), counter)),
        c1(hn::BitCast(Word(), hn::ShiftRight<32>(counter))),
        c2(hn::Set(Word(), static_cast<uint32_t>(id))),
        c3(hn::Set(Word(), static_cast<uint32_t>(id >> 32))) {}

  HWY_INLINE void Round(Words k0, Words k1) {
    const auto p0 = hn::MulEven(hn::Set(Word(), 0xD2511F53u), c0);
    const auto p1 = hn::MulEven(hn::Set(Word(), 0xCD9E8D57u), c2);
    c0 = hn::Xor(hn::Xor(hn::BitCast(Word(), hn::ShiftRight<32>(p1)), c1), k0);
    c2 = hn::Xor(hn::Xor(hn::BitCast(Word(), hn::ShiftRight<32>(p0)), c3), k1);
    c1 = hn::BitCast(Word(), p1);
    c3 = hn::BitCast(Word(), p0);
  }
};

// The lower halves of the 64-bit lanes of both, in turn: even's first.
HWY_INLINE Words Interleaved(Words even, Words odd) {
  return hn::OddEven(hn::BitCast(Word(), hn::ShiftLeft<32>(hn::BitCast(DoubleWord(), odd))), even);
}

// words[j], lane i ← word j of philox(key, counter + i, id).
HWY_INLINE void Philox(uint64_t key, uint64_t counter, uint64_t id, Words (&words)[4]) {
  const DoubleWord d;
  const auto twice = hn::ShiftLeft<1>(hn::Iota(d, 0));
  PhiloxState even(hn::Add(hn::Set(d, counter), twice), id), odd(hn::Add(hn::Set(d, counter + 1), twice), id);
  auto k0 = hn::Set(Word(), static_cast<uint32_t>(key)),
       k1 = hn::Set(Word(), static_cast<uint32_t>(key >> 32));
  for (int round = 0; round < 10; ++round) {
    even.Round(k0, k1);
    odd.Round(k0, k1);
    k0 = hn::Add(k0, hn::Set(Word(), 0x9E3779B9u));
    k1 = hn::Add(k1, hn::Set(Word(), 0xBB67AE85u));
  }
  words[0] = Interleaved(even.c0, odd.c0);
  words[1] = Interleaved(even.c1, odd.c1);
  words[2] = Interleaved(even.c2, odd.c2);
  words[3] = Interleaved(even.c3, odd.c3);
}

#endif

// Cosine and sine on [−π/4, π/4] by their Taylor series: the first terms left out are below 3e-8 and 3e-9.
HWY_INLINE Floats Cos(Floats square) {
  const Float d;
  auto sum = hn::MulAdd(hn::Set(d, 1.0f / 40320), square, hn::Set(d, -1.0f / 720));
  sum = hn::MulAdd(sum, square, hn::Set(d, 1.0f / 24));
  sum = hn::MulAdd(sum, square, hn::Set(d, -0.5f));
  return hn::MulAdd(sum, square, hn::Set(d, 1.0f));
}

HWY_INLINE Floats Sin(Floats angle, Floats square) {
  const Float d;
  auto sum = hn::MulAdd(hn::Set(d, 1.0f / 362880), square, hn::Set(d, -1.0f / 5040));
  sum = hn::MulAdd(sum, square, hn::Set(d, 1.0f / 120));
  sum = hn::MulAdd(sum, square, hn::Set(d, -1.0f / 6));
  return hn::MulAdd(hn::Mul(sum, square), angle, angle);
}

HWY_INLINE void NormalPair(Words first_word, Words second_word, Floats sigma, Floats& first, Floats& second) {
  const Float d;
  const hn::RebindToSigned<Float> signed_tag;
  const auto count = hn::ConvertTo(d, hn::BitCast(signed_tag, hn::ShiftRight<8>(first_word)));
  const auto u = hn::Mul(hn::Add(count, hn::Set(d, 1.0f)), hn::Set(d, 0x1.0p-24f));
  const auto radius = hn::Mul(sigma, hn::Sqrt(hn::Mul(hn::Set(d, -2.0f), hn::Log(d, u))));
  const auto turn = hn::ConvertTo(d, hn::ShiftRight<8>(hn::BitCast(signed_tag, second_word)));
  const auto angle = hn::Mul(turn, hn::Set(d, std::numbers::pi_v<float> / 4 * 0x1.0p-23f));
  const auto square = hn::Mul(angle, angle);
  const auto sign = hn::BitCast(d, hn::ShiftLeft<31>(hn::ShiftRight<1>(first_word)));
  const auto cosine = hn::Xor(hn::Mul(radius, Cos(square)), sign), sine = hn::Mul(radius, Sin(angle, square));
  const auto swap = hn::MaskFromVec(
      hn::BitCast(d, hn::BroadcastSignBit(hn::BitCast(signed_tag, hn::ShiftLeft<31>(first_word)))));
  first = hn::IfThenElse(swap, sine, cosine);
  second = hn::IfThenElse(swap, cosine, sine);
}

// The numbers of `counter` and those after it, a counter a lane: 4 × lanes of them.
HWY_INLINE void NormalBlock(uint64_t key, uint64_t counter, uint64_t id, Floats sigma, float* out) {
  Words words[4];
  Philox(key, counter, id, words);
  Floats n0, n1, n2, n3;
  NormalPair(words[0], words[1], sigma, n0, n1);
  NormalPair(words[2], words[3], sigma, n2, n3);
  hn::StoreInterleaved4(n0, n1, n2, n3, Float(), out);
}

void FillNormal(float* HWY_RESTRICT out, size_t size, uint64_t key, uint64_t id, float sigma) {
  const Float d;
  const size_t block = 4 * hn::Lanes(d);
  const auto factor = hn::Set(d, sigma);
  size_t i = 0;
  for (; i + block <= size; i += block) NormalBlock(key, i / 4, id, factor, out + i);
  if (i == size) return;
  HWY_ALIGN float last[4 * hn::MaxLanes(d)];
  NormalBlock(key, i / 4, id, factor, last);
  std::copy_n(last, size - i, out + i);
}

#endif  // HWY_TARGET == HWY_SCALAR

}  // namespace partialfc::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace partialfc {

HWY_EXPORT(FillNormal);

void fill_normal(std::span<float> out, uint64_t key, uint64_t id, float sigma) {
  HWY_DYNAMIC_DISPATCH(FillNormal)(out.data(), out.size(), key, id, sigma);
}

}  // namespace partialfc
#endif  // HWY_ONCE
