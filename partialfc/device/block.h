// What kernels share: sums over a warp, prefix sums over a block, vectors of 16 bytes. Included by *.cu alone.
#pragma once

#include "partialfc/base/precision.h"
#include "partialfc/device/launch.h"

namespace partialfc {

constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffffu;

// Σ over the lanes of a warp, the same bits in each. All lanes call it.
__device__ inline float warp_sum(float value) {
  for (int lanes = kWarp / 2; lanes > 0; lanes /= 2) value += __shfl_xor_sync(kAllLanes, value, lanes);
  return value;
}

// Σ of `value` over the threads before this one, and over all of the block (total). All threads of a block of whole warps
// call it. warp_sums: 32 ints of shared memory, free again after the next barrier.
__device__ inline int block_prefix_sum(int value, int* warp_sums, int& total) {
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp, warps = blockDim.x / kWarp;
  int sum = value;
  for (int step = 1; step < kWarp; step *= 2) {
    const int before = __shfl_up_sync(kAllLanes, sum, step);
    if (lane >= step) sum += before;
  }
  if (lane == kWarp - 1) warp_sums[warp] = sum;
  __syncthreads();
  int before = 0;
  total = 0;
  for (int w = 0; w < warps; ++w) {
    if (w < warp) before += warp_sums[w];
    total += warp_sums[w];
  }
  return before + sum - value;
}

// The first of the rising values[0 … count − 1] that is not below `bound`.
__device__ inline int lower_bound(const int32_t* values, int count, int32_t bound) {
  int first = 0;
  while (count > 0) {
    const int half = count / 2;
    if (values[first + half] < bound) {
      first += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return first;
}

// Kernels of which a warp has a row: what they are launched with, and the row of the calling thread.
constexpr int kRowWarps = 8;  // of a block
constexpr int kRowThreads = kRowWarps * kWarp;
inline unsigned blocks_of_rows(int64_t rows) {
  return static_cast<unsigned>((rows + kRowWarps - 1) / kRowWarps);
}
__device__ inline int64_t row_of_warp() { return int64_t{blockIdx.x} * kRowWarps + threadIdx.x / kWarp; }

// The number that lane 0 reads, for all lanes.
template <class N>
__device__ N broadcast_load(const N* place) {
  N value{};
  if (threadIdx.x % kWarp == 0) value = *place;
  return __shfl_sync(kAllLanes, value, 0);
}

// x in the number format T, float or BFloat16, rounded to the nearest.
template <class T>
__device__ T from_float(float x) {
  if constexpr (std::is_same_v<T, float>)
    return x;
  else
    return to_bfloat16(x);
}

// 16 bytes of numbers, moved at once where the address allows.
template <class T>
struct alignas(16) Vector {
  static constexpr int kSize = 16 / sizeof(T);
  T values[kSize];
};

// Of the host: whether they can be moved so where rows begin at `address`, so many numbers apart.
template <class T>
bool allows_vectors(const T* address, int64_t stride) {
  return reinterpret_cast<uintptr_t>(address) % sizeof(Vector<T>) == 0 && stride % Vector<T>::kSize == 0;
}

}  // namespace partialfc
