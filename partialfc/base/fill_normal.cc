// fill_normal() of random.h, for each instruction set.
//
// Four numbers come from the four words of philox(key, counter, id), counter = i / 4; a pair of words gives a pair of
// numbers (normal_pair.h).
#include <algorithm>

#include "partialfc/base/normal_pair.h"
#include "partialfc/base/random.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "partialfc/base/fill_normal.cc"
#include <hwy/foreach_target.h>  // compiles this file once for each instruction set; before the other two

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace partialfc::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
#if HWY_TARGET == HWY_SCALAR

void FillNormal(float* HWY_RESTRICT out, size_t size, uint64_t key, uint64_t id, float sigma) {
  for (size_t i = 0; i < size; i += 4) {
    const auto words = philox(key, i / 4, id);
    float numbers[4];
    normal_pair(words[0], words[1], sigma, numbers[0], numbers[1]);
    normal_pair(words[2], words[3], sigma, numbers[2], numbers[3]);
    std::copy_n(numbers, std::min<size_t>(4, size - i), out + i);
  }
}

#else

using Float = hn::ScalableTag<float>;
using Word = hn::ScalableTag<uint32_t>;
using DoubleWord = hn::ScalableTag<uint64_t>;
using Words = hn::Vec<Word>;
using Floats = hn::Vec<Float>;

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

HWY_INLINE Floats Cos(Floats square) {
  const Float d;
  auto sum = hn::MulAdd(hn::Set(d, normal::kCos8), square, hn::Set(d, normal::kCos6));
  sum = hn::MulAdd(sum, square, hn::Set(d, normal::kCos4));
  sum = hn::MulAdd(sum, square, hn::Set(d, normal::kCos2));
  return hn::MulAdd(sum, square, hn::Set(d, 1.0f));
}

HWY_INLINE Floats Sin(Floats angle, Floats square) {
  const Float d;
  auto sum = hn::MulAdd(hn::Set(d, normal::kSin9), square, hn::Set(d, normal::kSin7));
  sum = hn::MulAdd(sum, square, hn::Set(d, normal::kSin5));
  sum = hn::MulAdd(sum, square, hn::Set(d, normal::kSin3));
  return hn::MulAdd(hn::Mul(sum, square), angle, angle);
}

HWY_INLINE Floats Logarithm(Floats u) {
  const Float d;
  const hn::RebindToSigned<Float> i32;
  const auto bits = hn::BitCast(i32, u);
  const auto exponent = hn::ShiftRight<23>(hn::Sub(bits, hn::Set(i32, normal::kRootOfHalf)));
  const auto m = hn::BitCast(d, hn::Sub(bits, hn::ShiftLeft<23>(exponent)));
  const auto one = hn::Set(d, 1.0f), e = hn::ConvertTo(d, exponent);
  const auto f = hn::Div(hn::Sub(m, one), hn::Add(m, one)), square = hn::Mul(f, f);
  auto sum = hn::MulAdd(hn::Set(d, normal::kLog9), square, hn::Set(d, normal::kLog7));
  sum = hn::MulAdd(sum, square, hn::Set(d, normal::kLog5));
  sum = hn::MulAdd(sum, square, hn::Set(d, normal::kLog3));
  const auto rest = hn::MulAdd(hn::Mul(f, square), sum, hn::Mul(e, hn::Set(d, normal::kLn2Low)));
  return hn::MulAdd(e, hn::Set(d, normal::kLn2High), hn::MulAdd(hn::Set(d, 2.0f), f, rest));
}

HWY_INLINE void NormalPair(Words first_word, Words second_word, Floats sigma, Floats& first, Floats& second) {
  const Float d;
  const hn::RebindToSigned<Float> signed_tag;
  const auto count = hn::ConvertTo(d, hn::BitCast(signed_tag, hn::ShiftRight<8>(first_word)));
  const auto u = hn::Mul(hn::Add(count, hn::Set(d, 1.0f)), hn::Set(d, normal::kUnit));
  const auto radius = hn::Mul(sigma, hn::Sqrt(hn::Mul(hn::Set(d, -2.0f), Logarithm(u))));
  const auto turn = hn::ConvertTo(d, hn::ShiftRight<8>(hn::BitCast(signed_tag, second_word)));
  const auto angle = hn::Mul(turn, hn::Set(d, normal::kTurn));
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
