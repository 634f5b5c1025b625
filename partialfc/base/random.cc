#include "partialfc/base/random.h"

#include <cmath>
#include <numbers>

#include "partialfc/base/error.h"

namespace partialfc {

namespace {

double to_unit(uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1.0p-53; }

}  // namespace

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

}  // namespace partialfc
