#include "partialfc/head/class_sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "partialfc/base/error.h"

namespace partialfc {

namespace {

// The part of the rising `positives` that lies in `positions`.
std::span<const int64_t> inside(std::span<const int64_t> positives, Range positions) {
  const auto first = std::lower_bound(positives.begin(), positives.end(), positions.first);
  const auto last = std::lower_bound(first, positives.end(), positions.last);
  return {first, last};
}

}  // namespace

ClassSampler::ClassSampler(const ClassPlacement& placement, double sample_rate, uint64_t seed)
    : placement_(placement),
      total_(std::max<int64_t>(1, std::llround(sample_rate * static_cast<double>(placement.num_classes())))),
      seed_(mix(seed, static_cast<uint64_t>(Purpose::kNegativeSampling))) {
  if (!(sample_rate > 0 && sample_rate <= 1))
    fail_usage("sample rate {}: must be above 0 and at most 1", sample_rate);
}

int64_t ClassSampler::share_of(Range positions) const {
  const auto cumulative = [&](int64_t position) {
    return static_cast<int64_t>(static_cast<__int128>(total_) * position / placement_.num_classes());
  };
  return cumulative(positions.last) - cumulative(positions.first);
}

void ClassSampler::sample(int64_t step, Range blocks, std::span<const int64_t> positives,
                          std::vector<int64_t>& active, ThreadTeam& team) const {
  if (takes_all()) {
    const Range all = placement_.positions_of_blocks(blocks);
    active.resize(all.size());
    std::iota(active.begin(), active.end(), all.first);
    return;
  }
  std::vector<int64_t> offsets(blocks.size() + 1, 0);
  for (int64_t i = 0; i < blocks.size(); ++i) {
    const Range positions = placement_.positions_of_block(blocks.first + i);
    const auto positives_here = static_cast<int64_t>(inside(positives, positions).size());
    offsets[i + 1] = offsets[i] + std::max(share_of(positions), positives_here);
  }
  active.resize(offsets.back());
  team.for_each_part(0, blocks.size(), [&](int, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t block = blocks.first + i;
      fill_block(step, block, inside(positives, placement_.positions_of_block(block)),
                 std::span(active).subspan(offsets[i], offsets[i + 1] - offsets[i]));
    }
  });
}

void ClassSampler::fill_block(int64_t step, int64_t block, std::span<const int64_t> positives,
                              std::span<int64_t> active) const {
  auto out = std::copy(positives.begin(), positives.end(), active.begin());
  if (out == active.end()) return;
  const Range positions = placement_.positions_of_block(block);
  const RandomPermutation draw(positions.size(), mix(key_of_step(step), static_cast<uint64_t>(block)));
  for (int64_t i = 0; out != active.end(); ++i) {
    const int64_t position = positions.first + draw(i);
    if (!std::binary_search(positives.begin(), positives.end(), position)) *out++ = position;
  }
}

}  // namespace partialfc
