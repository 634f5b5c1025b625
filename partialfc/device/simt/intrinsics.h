// CUDA's functions for threads that wait for each other or hand values on; of the simulator.
#pragma once

#include <bit>
#include <cstring>
#include <type_traits>

#include "partialfc/device/simt/types.h"
#include "partialfc/device/simt/warp.h"

namespace partialfc::simt {

// The running thread waits for the others (block.cc).
struct Votes {
  int yes = 0, all = 0;
};
Votes wait_at_barrier(bool vote, const Where& where);
uint64_t join_collective(const Collective& collective, unsigned mask, uint64_t in, int from,
                         const Where& where);

inline int lane() {
  return static_cast<int>((threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) % 32);
}

template <class T>
T shuffle(unsigned mask, T value, int from, const Where& where) {
  static_assert(sizeof(T) <= 8 && std::is_arithmetic_v<T>);
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = join_collective(kShuffle, mask, bits, from, where);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

template <class T>
T reduce(const Collective& collective, unsigned mask, T value, const Where& where) {
  return static_cast<T>(join_collective(collective, mask, static_cast<uint64_t>(value), 0, where));
}

}  // namespace partialfc::simt

#define PFC_HERE ::partialfc::simt::Where here = ::partialfc::simt::Where::current()

constexpr int warpSize = 32;

inline void __syncthreads(PFC_HERE) { partialfc::simt::wait_at_barrier(false, here); }
inline int __syncthreads_count(int vote, PFC_HERE) {
  return partialfc::simt::wait_at_barrier(vote != 0, here).yes;
}
inline int __syncthreads_or(int vote, PFC_HERE) { return __syncthreads_count(vote, here) != 0; }
inline int __syncthreads_and(int vote, PFC_HERE) { return __syncthreads_count(vote == 0, here) == 0; }

inline void __syncwarp(unsigned mask = ~0u, PFC_HERE) {
  partialfc::simt::join_collective(partialfc::simt::kSyncwarp, mask, 0, 0, here);
}
inline unsigned __ballot_sync(unsigned mask, int vote, PFC_HERE) {
  return partialfc::simt::reduce(partialfc::simt::kBallot, mask, unsigned{vote != 0}, here);
}
inline int __any_sync(unsigned mask, int vote, PFC_HERE) { return __ballot_sync(mask, vote, here) != 0; }
inline int __all_sync(unsigned mask, int vote, PFC_HERE) { return __ballot_sync(mask, vote == 0, here) == 0; }

// width: a power of two; lanes are numbered anew in each group of so many.
template <class T>
T __shfl_sync(unsigned mask, T value, int from, int width = 32, PFC_HERE) {
  const int first = partialfc::simt::lane() & ~(width - 1);
  return partialfc::simt::shuffle(mask, value, first | (from & (width - 1)), here);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32, PFC_HERE) {
  const int lane = partialfc::simt::lane(), from = lane ^ bits;
  return partialfc::simt::shuffle(mask, value, from < (lane & ~(width - 1)) + width ? from : lane, here);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32, PFC_HERE) {
  const int lane = partialfc::simt::lane();
  const bool inside = (lane & (width - 1)) + static_cast<int>(by) < width;
  return partialfc::simt::shuffle(mask, value, inside ? lane + static_cast<int>(by) : lane, here);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = 32, PFC_HERE) {
  const int lane = partialfc::simt::lane();
  const bool inside = (lane & (width - 1)) >= static_cast<int>(by);
  return partialfc::simt::shuffle(mask, value, inside ? lane - static_cast<int>(by) : lane, here);
}

#define PFC_REDUCE(name, type, collective)                                          \
  inline type name(unsigned mask, type value, PFC_HERE) {                           \
    return partialfc::simt::reduce(partialfc::simt::collective, mask, value, here); \
  }
PFC_REDUCE(__reduce_add_sync, int, kAddInt)
PFC_REDUCE(__reduce_add_sync, unsigned, kAddUnsigned)
PFC_REDUCE(__reduce_min_sync, int, kMinInt)
PFC_REDUCE(__reduce_min_sync, unsigned, kMinUnsigned)
PFC_REDUCE(__reduce_max_sync, int, kMaxInt)
PFC_REDUCE(__reduce_max_sync, unsigned, kMaxUnsigned)
PFC_REDUCE(__reduce_and_sync, unsigned, kAnd)
PFC_REDUCE(__reduce_or_sync, unsigned, kOr)
PFC_REDUCE(__reduce_xor_sync, unsigned, kXor)
#undef PFC_REDUCE
#undef PFC_HERE
