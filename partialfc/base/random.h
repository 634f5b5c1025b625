// Counter-based random numbers: every draw is a pure function of (seed, purpose, counters), never of a rank, a thread
// or the order of calls. So 1 and 8 ranks draw the same numbers, and a resumed run goes on with those it would have had.
//
// The generator is Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
#pragma once

#include <cstdint>
#include <span>

#include "partialfc/base/random_bits.h"
#include "partialfc/base/random_permutation.h"

namespace partialfc {

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

}  // namespace partialfc
