// A pseudo-random permutation of 0 … n − 1 in O(1) memory, with its inverse: a Feistel network over an a × b rectangle
// that just holds n, walked until it lands inside (Black & Rogaway: "Ciphers with arbitrary finite domains", 2002). For the
// host and for kernels.
#pragma once

#include <cmath>
#include <cstdint>

#include "partialfc/base/host_device.h"
#include "partialfc/base/random_bits.h"

namespace partialfc {

class RandomPermutation {
 public:
  // n > 0
  PFC_HOST_DEVICE RandomPermutation(int64_t n, uint64_t key) : n_(n) {
    PFC_HOST_CHECK(n > 0);
    a_ = static_cast<uint64_t>(ceil(sqrt(static_cast<double>(n))));
    b_ = (static_cast<uint64_t>(n) + a_ - 1) / a_;
    for (int round = 0; round < kRounds; ++round) round_keys_[round] = mix(key, static_cast<uint64_t>(round));
  }

  PFC_HOST_DEVICE int64_t size() const { return n_; }

  // index, value: 0 … n − 1
  PFC_HOST_DEVICE int64_t operator()(int64_t index) const {
    PFC_HOST_CHECK(index >= 0 && index < n_, "index {} of a permutation of {}", index, n_);
    int64_t value = forward_once(index);
    while (value >= n_) value = forward_once(value);
    return value;
  }
  PFC_HOST_DEVICE int64_t inverse(int64_t value) const {
    PFC_HOST_CHECK(value >= 0 && value < n_, "value {} of a permutation of {}", value, n_);
    int64_t index = inverse_once(value);
    while (index >= n_) index = inverse_once(index);
    return index;
  }

 private:
  static constexpr int kRounds = 6;

  // value = x * b + y. Even rounds add a function of y to x (mod a), odd rounds a function of x to y (mod b).
  PFC_HOST_DEVICE int64_t forward_once(int64_t value) const {
    uint64_t x = static_cast<uint64_t>(value) / b_, y = static_cast<uint64_t>(value) % b_;
    for (int round = 0; round < kRounds; round += 2) {
      x += scale_to(mix_bits(round_keys_[round] ^ y), a_);
      if (x >= a_) x -= a_;
      y += scale_to(mix_bits(round_keys_[round + 1] ^ x), b_);
      if (y >= b_) y -= b_;
    }
    return static_cast<int64_t>(x * b_ + y);
  }
  PFC_HOST_DEVICE int64_t inverse_once(int64_t value) const {
    uint64_t x = static_cast<uint64_t>(value) / b_, y = static_cast<uint64_t>(value) % b_;
    for (int round = kRounds - 2; round >= 0; round -= 2) {
      y += b_ - scale_to(mix_bits(round_keys_[round + 1] ^ x), b_);
      if (y >= b_) y -= b_;
      x += a_ - scale_to(mix_bits(round_keys_[round] ^ y), a_);
      if (x >= a_) x -= a_;
    }
    return static_cast<int64_t>(x * b_ + y);
  }

  int64_t n_;
  uint64_t a_, b_;  // a_ * b_ >= n_
  uint64_t round_keys_[kRounds];
};

}  // namespace partialfc
