#include "partialfc/centers/host_store.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "partialfc/base/error.h"

namespace partialfc {

namespace {

constexpr int64_t kPinnedAtOnce =
    1024;  // rows: a store of files has few frames, and a step's rows are in them

}  // namespace

// visit(i, record) for the record in slots[i], by rising slots, a piece of them pinned at a time.
template <class Visit>
void HostCenterStore::visit_records(std::span<const int64_t> slots, bool changed, ThreadTeam& team,
                                    Visit visit) {
  std::vector<int64_t> order(slots.size()), rising(slots.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  if (!std::ranges::is_sorted(slots)) std::ranges::sort(order, {}, [&](int64_t i) { return slots[i]; });
  std::ranges::transform(order, rising.begin(), [&](int64_t i) { return slots[i]; });
  std::vector<std::byte*> records(std::min<size_t>(slots.size(), kPinnedAtOnce));
  for (size_t first = 0; first < rising.size();) {
    const auto left = std::span<const int64_t>(rising).subspan(first);
    const int64_t most = pinnable(left.first(std::min<size_t>(left.size(), kPinnedAtOnce)));
    const auto piece = left.first(std::max<int64_t>(1, most));  // of none, pin() says what is in the way
    pin(piece, std::span(records).first(piece.size()));
    team.for_each_part(0, std::ssize(piece), [&](int, int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) visit(order[first + i], records[i]);
    });
    unpin(piece, changed);
    first += piece.size();
  }
}

void HostCenterStore::read_records(std::span<const int64_t> slots, std::span<std::byte> records,
                                   ThreadTeam& team) {
  const int64_t bytes = layout().bytes();
  PFC_CHECK(std::ssize(records) == std::ssize(slots) * bytes);
  visit_records(slots, false, team,
                [&](int64_t i, std::byte* record) { std::memcpy(&records[i * bytes], record, bytes); });
}

void HostCenterStore::write_records(std::span<const int64_t> slots, std::span<const std::byte> records,
                                    ThreadTeam& team) {
  const int64_t bytes = layout().bytes();
  PFC_CHECK(std::ssize(records) == std::ssize(slots) * bytes);
  visit_records(slots, true, team,
                [&](int64_t i, std::byte* record) { std::memcpy(record, &records[i * bytes], bytes); });
}

}  // namespace partialfc
