// Counter-based random numbers: every draw is a pure function of (seed, purpose, counters), never of a rank, a thread
// or the order of calls. So 1 and 8 ranks draw the same numbers, and a resumed run goes on with those it would have had.
//
// The generator is Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace partialfc {

// 128 random bits from a 64-bit key and a 128-bit counter.
std::array<uint32_t, 4> philox(uint64_t key, uint64_t counter_low, uint64_t counter_high);

// Mixes a word into a key; for keys made of several parts: mix(mix(seed, step), block).
uint64_t mix(uint64_t key, uint64_t word);

// What a stream of numbers is for. Two purposes never share numbers. The values are part of the checkpoint
// contract: add at the end, never renumber.
enum class Purpose : uint64_t {
  kClassPlacement = 1,    // class id -> block
  kCenterInit = 2,        // first value of a class center
  kNegativeSampling = 3,  // which negatives a step takes
  kDataOrder = 4,         // order of the images in an epoch
  kAugmentation = 5,      // what happens to one image
  kSyntheticData = 6,
  kBackboneInit = 7,
  kDropout = 8,
  kVerificationPairs = 9,
  kRowRounding = 10,  // of class centers kept in bfloat16
};

// A stream of numbers for one (seed, purpose, a, b), drawn in order.
class RandomStream {
 public:
  RandomStream(uint64_t seed, Purpose purpose, uint64_t a = 0, uint64_t b = 0);

  uint32_t next_u32();
  uint64_t next_u64();
  double uniform();                         // [0, 1), 53 bits
  double uniform(double low, double high);  // [low, high)
  double normal();                          // N(0, 1)
  int64_t below(int64_t bound);             // 0 … bound − 1, bound > 0
  bool bernoulli(double probability) { return uniform() < probability; }

 private:
  uint64_t key_;
  uint64_t counter_high_;
  uint64_t counter_low_ = 0;
  std::array<uint32_t, 4> block_{};
  int used_ = 4;
};

// out[i] ~ N(0, sigma), i < out.size(), for one (key, id), many at once: 512 numbers take half a microsecond.
// Every instruction set draws the same numbers but for their last digits.
void fill_normal(std::span<float> out, uint64_t key, uint64_t id, float sigma);

// A pseudo-random permutation of 0 … n − 1 in O(1) memory, with its inverse: a Feistel network over an a × b rectangle
// that just holds n, walked until it lands inside (Black & Rogaway: "Ciphers with arbitrary finite domains", 2002).
class RandomPermutation {
 public:
  RandomPermutation(int64_t n, uint64_t key);

  int64_t operator()(int64_t index) const;
  int64_t inverse(int64_t value) const;
  int64_t size() const { return n_; }

 private:
  static constexpr int kRounds = 6;
  int64_t forward_once(int64_t value) const;
  int64_t inverse_once(int64_t value) const;

  int64_t n_;
  uint64_t a_, b_;  // a_ * b_ >= n_
  std::array<uint64_t, kRounds> round_keys_;
};

}  // namespace partialfc
