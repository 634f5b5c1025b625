#include "partialfc/base/random.h"

#include <cmath>
#include <numbers>

#include "partialfc/base/error.h"

namespace partialfc {

namespace {

// SplitMix64's finalizer (Stafford's variant 13): a bijection of 64-bit words that mixes well.
uint64_t mix64(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

double to_unit(uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1.0p-53; }

// Scales 64 random bits to 0 … bound − 1.
uint64_t scale_to(uint64_t bits, uint64_t bound) {
  return static_cast<uint64_t>((static_cast<unsigned __int128>(bits) * bound) >> 64);
}

}  // namespace

std::array<uint32_t, 4> philox(uint64_t key, uint64_t counter_low, uint64_t counter_high) {
  uint32_t c0 = static_cast<uint32_t>(counter_low), c1 = static_cast<uint32_t>(counter_low >> 32);
  uint32_t c2 = static_cast<uint32_t>(counter_high), c3 = static_cast<uint32_t>(counter_high >> 32);
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * c0;
    const uint64_t p1 = uint64_t{0xCD9E8D57u} * c2;
    const uint32_t n0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
    const uint32_t n2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c0 = n0, c1 = static_cast<uint32_t>(p1), c2 = n2, c3 = static_cast<uint32_t>(p0);
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
  }
  return {c0, c1, c2, c3};
}

uint64_t mix(uint64_t key, uint64_t word) { return mix64(key + 0x9e3779b97f4a7c15u * (mix64(word) + 1)); }

RandomStream::RandomStream(uint64_t seed, Purpose purpose, uint64_t a, uint64_t b)
    : key_(mix(mix(seed, static_cast<uint64_t>(purpose)), a)), counter_high_(b) {}

uint32_t RandomStream::next_u32() {
  if (used_ == 4) {
    block_ = philox(key_, counter_low_++, counter_high_);
    used_ = 0;
  }
  return block_[used_++];
}

uint64_t RandomStream::next_u64() {
  const uint64_t low = next_u32();
  return low | (uint64_t{next_u32()} << 32);
}

double RandomStream::uniform() { return to_unit(next_u64()); }

double RandomStream::uniform(double low, double high) { return low + (high - low) * uniform(); }

double RandomStream::normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

int64_t RandomStream::below(int64_t bound) {
  PFC_CHECK(bound > 0);
  return static_cast<int64_t>(scale_to(next_u64(), static_cast<uint64_t>(bound)));
}

RandomPermutation::RandomPermutation(int64_t n, uint64_t key) : n_(n) {
  PFC_CHECK(n > 0);
  a_ = static_cast<uint64_t>(std::ceil(std::sqrt(static_cast<double>(n))));
  b_ = (static_cast<uint64_t>(n) + a_ - 1) / a_;
  for (int round = 0; round < kRounds; ++round) round_keys_[round] = mix(key, static_cast<uint64_t>(round));
}

// value = x * b + y. Even rounds add a function of y to x (mod a), odd rounds a function of x to y (mod b).
int64_t RandomPermutation::forward_once(int64_t value) const {
  uint64_t x = static_cast<uint64_t>(value) / b_, y = static_cast<uint64_t>(value) % b_;
  for (int round = 0; round < kRounds; round += 2) {
    x += scale_to(mix64(round_keys_[round] ^ y), a_);
    if (x >= a_) x -= a_;
    y += scale_to(mix64(round_keys_[round + 1] ^ x), b_);
    if (y >= b_) y -= b_;
  }
  return static_cast<int64_t>(x * b_ + y);
}

int64_t RandomPermutation::inverse_once(int64_t value) const {
  uint64_t x = static_cast<uint64_t>(value) / b_, y = static_cast<uint64_t>(value) % b_;
  for (int round = kRounds - 2; round >= 0; round -= 2) {
    y += b_ - scale_to(mix64(round_keys_[round + 1] ^ x), b_);
    if (y >= b_) y -= b_;
    x += a_ - scale_to(mix64(round_keys_[round] ^ y), a_);
    if (x >= a_) x -= a_;
  }
  return static_cast<int64_t>(x * b_ + y);
}

int64_t RandomPermutation::operator()(int64_t index) const {
  PFC_CHECK(index >= 0 && index < n_, "index {} of a permutation of {}", index, n_);
  int64_t value = forward_once(index);
  while (value >= n_) value = forward_once(value);
  return value;
}

int64_t RandomPermutation::inverse(int64_t value) const {
  PFC_CHECK(value >= 0 && value < n_, "value {} of a permutation of {}", value, n_);
  int64_t index = inverse_once(value);
  while (index >= n_) index = inverse_once(index);
  return index;
}

}  // namespace partialfc
