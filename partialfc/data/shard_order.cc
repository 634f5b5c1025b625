#include "partialfc/data/shard_order.h"

#include <algorithm>

#include "partialfc/base/error.h"

namespace partialfc {

namespace {

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Which of `parts` holds `item` of `count`: the inverse of part_of().
int64_t part_with(int64_t item, int64_t count, int64_t parts) {
  return static_cast<int64_t>((static_cast<__int128>(item + 1) * parts + count - 1) / count) - 1;
}

constexpr uint64_t kShardKey = 0, kWindowKey = 1;

}  // namespace

// Slots count as if all shards were of one length: shard place · m + sample of the shard. Only behind the short shard do
// slots and samples fall apart, by missing_.
ShardOrder::ShardOrder(int64_t size, const ShardOptions& options, uint64_t key)
    : size_(size),
      shard_samples_(std::clamp<int64_t>(options.shard_samples, 1, size)),
      shards_(divide_up(size, shard_samples_)),
      windows_(divide_up(shards_, options.window_shards)),
      key_(key),
      shard_at_(shards_, mix(key, kShardKey)),
      missing_(shards_ * shard_samples_ - size),
      short_shard_place_(shard_at_.inverse(shards_ - 1)),
      short_window_(part_with(short_shard_place_, shards_, windows_)) {
  PFC_CHECK(size >= 1 && options.shard_samples >= 1 && options.window_shards >= 1,
            "{} samples in shards of {}, {} in a window", size, options.shard_samples, options.window_shards);
}

int64_t ShardOrder::first_place(int64_t window) const {
  return shard_places(window).first * shard_samples_ - (window > short_window_ ? missing_ : 0);
}

int64_t ShardOrder::window_of(int64_t place) const {
  PFC_CHECK(place >= 0 && place < size_, "place {} of {}", place, size_);
  const int64_t slot = place < first_place(short_window_ + 1) ? place : place + missing_;
  return part_with(slot / shard_samples_, shards_, windows_);
}

// The slot whose sample stands at `place`.
int64_t ShardOrder::slot_of(int64_t place) const {
  const int64_t window = window_of(place);
  const int64_t first = first_place(window), samples = first_place(window + 1) - first;
  const RandomPermutation mixed(samples, mix(mix(key_, kWindowKey), static_cast<uint64_t>(window)));
  const int64_t slot = shard_places(window).first * shard_samples_ + mixed(place - first);
  const bool behind_the_short_one =
      window == short_window_ && slot >= (short_shard_place_ + 1) * shard_samples_ - missing_;
  return behind_the_short_one ? slot + missing_ : slot;
}

int64_t ShardOrder::sample(int64_t place) const {
  const int64_t slot = slot_of(place);
  return shard_at_(slot / shard_samples_) * shard_samples_ + slot % shard_samples_;
}

std::vector<Range> ShardOrder::shards_of(int64_t window) const {
  std::vector<Range> shards;
  const Range places = shard_places(window);
  for (int64_t place = places.first; place < places.last; ++place) {
    const int64_t first = shard_at_(place) * shard_samples_;
    shards.push_back({first, std::min(size_, first + shard_samples_)});
  }
  return shards;
}

}  // namespace partialfc
