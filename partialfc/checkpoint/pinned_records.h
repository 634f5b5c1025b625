// Records of a store by address, whatever the order of their slots.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "partialfc/centers/center_store.h"

namespace partialfc {

// visit(records): records[i] is the address of the record in slots[i], distinct slots. changed: visit writes them.
void visit_records(CenterStore& store, std::span<const int64_t> slots, bool changed, auto&& visit) {
  std::vector<size_t> rising(slots.size());
  std::iota(rising.begin(), rising.end(), size_t{0});
  std::ranges::sort(rising, {}, [&](size_t i) { return slots[i]; });
  std::vector<int64_t> sorted(slots.size());
  std::ranges::transform(rising, sorted.begin(), [&](size_t i) { return slots[i]; });
  std::vector<std::byte*> pinned(slots.size()), records(slots.size());
  store.pin(sorted, pinned);
  for (size_t i = 0; i < rising.size(); ++i) records[rising[i]] = pinned[i];
  visit(std::span<std::byte* const>(records));
  store.unpin(sorted, changed);
}

}  // namespace partialfc
