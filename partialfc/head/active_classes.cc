#include "partialfc/head/active_classes.h"

#include <algorithm>

#include "partialfc/base/radix_sort.h"

namespace partialfc {

std::span<Target> ActiveClasses::targets_of(Range active) {
  const auto by_class = [](const Target& target, int64_t index) { return target.active < index; };
  const auto first = std::lower_bound(targets.begin(), targets.end(), active.first, by_class);
  const auto last = std::lower_bound(first, targets.end(), active.last, by_class);
  return {first, last};
}

void ClassActivation::activate(int64_t step, std::span<const int64_t> labels, CenterStore& store,
                               bool expect_next, ThreadTeam& team, ActiveClasses& active) {
  find_positives(labels);
  sampler_.sample(step, blocks_, positives_, positions_, team);
  order_by_slot(store, team, active);
  find_targets(store, team, active);
  if (!expect_next) return;
  // A step's negatives are known before its batch is: their rows can be on their way meanwhile.
  sampler_.sample(step + 1, blocks_, {}, positions_, team);
  store.expect(positions_);
}

void ClassActivation::find_positives(std::span<const int64_t> labels) {
  const Range own = placement_.positions_of_blocks(blocks_);
  owned_.clear();
  for (int64_t n = 0; n < std::ssize(labels); ++n) {
    const int64_t position = placement_.position_of(labels[n]);
    if (position >= own.first && position < own.last) owned_.emplace_back(position, n);
  }
  std::sort(owned_.begin(), owned_.end());
  positives_.clear();
  for (const auto& [position, n] : owned_)
    if (positives_.empty() || positives_.back() != position) positives_.push_back(position);
}

// Brings the rows of positions_ to life.
void ClassActivation::order_by_slot(CenterStore& store, ThreadTeam& team, ActiveClasses& active) {
  const int64_t first = store.positions().first, size = std::ssize(positions_);
  active.slots.resize(size);
  active.positions.resize(size);
  store.locate(positions_, active.slots, team);
  order_.resize(size);
  for (int64_t j = 0; j < size; ++j)
    order_[j] = static_cast<uint64_t>(active.slots[j]) << 32 | static_cast<uint64_t>(positions_[j] - first);
  sort_by_upper_half(order_, static_cast<uint64_t>(store.rows_alive()), order_scratch_);
  for (int64_t j = 0; j < size; ++j) {
    active.slots[j] = static_cast<int64_t>(order_[j] >> 32);
    active.positions[j] = static_cast<int64_t>(order_[j] & UINT32_MAX) + first;
  }
}

void ClassActivation::find_targets(CenterStore& store, ThreadTeam& team, ActiveClasses& active) {
  positive_slots_.resize(positives_.size());
  store.locate(positives_, positive_slots_, team);
  active.targets.clear();
  for (size_t i = 0, distinct = 0; i < owned_.size(); ++i) {
    if (owned_[i].first != positives_[distinct]) ++distinct;
    const auto slot = std::lower_bound(active.slots.begin(), active.slots.end(), positive_slots_[distinct]);
    active.targets.push_back({.active = slot - active.slots.begin(), .sample = owned_[i].second});
  }
  std::sort(active.targets.begin(), active.targets.end(), [](const Target& a, const Target& b) {
    return std::pair(a.active, a.sample) < std::pair(b.active, b.sample);
  });
}

}  // namespace partialfc
