#include "partialfc/device/simt/warp.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "partialfc/base/error.h"

namespace partialfc::simt {
namespace {

template <class Visit>
void each(unsigned lanes, Visit&& visit) {
  for (; lanes != 0; lanes &= lanes - 1) visit(std::countr_zero(lanes));
}

void ballot(Warp& warp, unsigned lanes) {
  unsigned bits = 0;
  each(lanes, [&](int lane) { bits |= unsigned{warp.in[lane] != 0} << lane; });
  each(lanes, [&](int lane) { warp.out[lane] = bits; });
}

void shuffle(Warp& warp, unsigned lanes) {
  each(lanes, [&](int lane) {
    const int from = warp.from[lane];
    warp.out[lane] = (lanes >> from & 1) != 0 ? warp.in[from] : ~uint64_t{0};
  });
}

template <class T, auto kFold>
void reduce(Warp& warp, unsigned lanes) {
  T total = static_cast<T>(warp.in[std::countr_zero(lanes)]);
  each(lanes & (lanes - 1), [&](int lane) { total = kFold(total, static_cast<T>(warp.in[lane])); });
  each(lanes, [&](int lane) { warp.out[lane] = static_cast<uint64_t>(total); });
}

constexpr auto kPlus = [](auto a, auto b) { return static_cast<decltype(a)>(unsigned(a) + unsigned(b)); };
constexpr auto kSmaller = [](auto a, auto b) { return std::min(a, b); };
constexpr auto kLarger = [](auto a, auto b) { return std::max(a, b); };

}  // namespace

const Collective kSyncwarp{"__syncwarp", [](Warp&, unsigned) {}, true}, kBallot{"__ballot_sync", ballot},
    kShuffle{"__shfl_sync", shuffle}, kAddInt{"__reduce_add_sync", reduce<int, kPlus>},
    kAddUnsigned{"__reduce_add_sync", reduce<unsigned, kPlus>},
    kMinInt{"__reduce_min_sync", reduce<int, kSmaller>},
    kMinUnsigned{"__reduce_min_sync", reduce<unsigned, kSmaller>},
    kMaxInt{"__reduce_max_sync", reduce<int, kLarger>},
    kMaxUnsigned{"__reduce_max_sync", reduce<unsigned, kLarger>},
    kAnd{"__reduce_and_sync", reduce<unsigned, [](unsigned a, unsigned b) { return a & b; }>},
    kOr{"__reduce_or_sync", reduce<unsigned, [](unsigned a, unsigned b) { return a | b; }>},
    kXor{"__reduce_xor_sync", reduce<unsigned, [](unsigned a, unsigned b) { return a ^ b; }>};

std::string text(const Where& where) {
  const char* const slash = std::strrchr(where.file_name(), '/');
  return fmt::format("{}:{}", slash != nullptr ? slash + 1 : where.file_name(), where.line());
}

void Warp::begin(unsigned lanes) {
  ended_ = ~lanes;
  open_ = changed_ = 0;
}

void* Warp::join(const Collective& collective, unsigned mask, unsigned lane, const Where& where) {
  if ((mask >> lane & 1) == 0)
    fail("lane {} calls {} at {} with mask {:#010x}, which leaves it out", lane, collective.name, text(where),
         mask);
  unsigned found = open_;
  for (; found != 0; found &= found - 1) {
    const Group& group = groups_[std::countr_zero(found)];
    if (group.mask == mask && group.collective == &collective && same_place(group.where, where)) break;
  }
  const int place = std::countr_zero(found != 0 ? found : ~open_);
  Group& group = groups_[place];
  if (found == 0) group.collective = &collective, group.mask = mask, group.arrived = 0, group.where = where;
  group.arrived |= 1u << lane;
  open_ |= 1u << place;
  changed_ |= 1u << place;
  return collective.orders ? &group.order[group.generation % 2] : nullptr;
}

unsigned Warp::finished() {
  while (changed_ != 0) {
    Group& group = groups_[std::countr_zero(changed_)];
    const unsigned bit = changed_ & -changed_;
    changed_ ^= bit;
    if (((group.arrived | ended_) & group.mask) != group.mask) continue;
    open_ ^= bit;
    ++group.generation;
    group.collective->finish(*this, group.arrived);
    return group.arrived;
  }
  return 0;
}

void Warp::end(unsigned lane) {
  ended_ |= 1u << lane;
  changed_ = open_;
}

std::string Warp::waiting() const {
  std::string all;
  each(open_, [&](int place) {
    const Group& group = groups_[place];
    all += fmt::format("{}lanes {:#010x} wait in {} at {} for lanes {:#010x}", all.empty() ? "" : "; ",
                       group.arrived, group.collective->name, text(group.where),
                       group.mask & ~group.arrived & ~ended_);
  });
  return all;
}

}  // namespace partialfc::simt
