// faults_test.cc expects the lines of this file.
#include "partialfc/device/simt/faults.h"

#include <stdexcept>

#include "partialfc/device/launch.h"

namespace partialfc::faults {
namespace {

// Not inline: the compiler's own checks do not see what the pointer points into.
[[gnu::noinline]] __device__ float load(const float* p) { return *p; }

__global__ void divergent_barriers_kernel() {
  if (threadIdx.x < 10)
    __syncthreads();
  else
    __syncthreads();
}

__global__ void barrier_in_a_branch_kernel() {
  if (threadIdx.x / 32 == 1 && threadIdx.x % 32 != 8) __ballot_sync(~0u, 1);
  __syncthreads();
}

__global__ void missing_lane_kernel() {
  if (threadIdx.x != 3) __shfl_xor_sync(~0u, 1, 1);
  __syncthreads();
}

__global__ void different_masks_kernel() {
  if (threadIdx.x < 16)
    __shfl_sync(0x0001ffffu, 1, 0);
  else
    __shfl_sync(0xffffffffu, 1, 0);
}

__global__ void lane_outside_its_mask_kernel() { __syncwarp(0x0000ffffu); }

__global__ void global_store_kernel(float* x, int64_t offset) { x[offset] = 1; }

__global__ void dynamic_shared_store_kernel(int offset) {
  PFC_DYNAMIC_SHARED(float, shared);
  shared[offset] = 1;
}

__global__ void static_shared_load_kernel(int offset, float* y) {
  __shared__ float shared[32];
  shared[threadIdx.x] = 1;
  y[0] = load(shared + offset);
}

template <class T>
__global__ void template_shared_load_kernel(int offset, T* y) {
  __shared__ T shared[32];
  shared[threadIdx.x] = 1;
  y[0] = load(shared + offset);
}

__global__ void misaligned_load_kernel(const float* x, int64_t offset, float* y) {
  const float4 four = *reinterpret_cast<const float4*>(x + offset);
  y[0] = four.x + four.w;
}

__global__ void misaligned_cached_load_kernel(const float* x, int64_t offset, float* y) {
  const float4 four = __ldg(reinterpret_cast<const float4*>(x + offset));
  y[0] = four.x + four.w;
}

template <class T>
__device__ T unwritten_of_a_template() {
  __shared__ T shared[2];
  const T value = shared[1];
  shared[1] = 3;
  return value;
}

__global__ void unwritten_kernel(const float* x, float* y) {
  __shared__ float shared[5];
  PFC_DYNAMIC_SHARED(float, dynamic);
  y += 4 * blockIdx.x;
  y[0] = x[0], y[1] = dynamic[7], y[2] = shared[4], y[3] = unwritten_of_a_template<float>();
  dynamic[7] = shared[4] = 3;
}

__global__ void race_kernel(int* y) {
  __shared__ int shared[128];
  shared[threadIdx.x] = static_cast<int>(threadIdx.x);
  y[threadIdx.x] = shared[127 - threadIdx.x];
}

__global__ void hidden_race_kernel(int* y) {
  __shared__ int shared[128];
  int sum = 0;
  for (int round = 0; round < 2; ++round) {
    shared[threadIdx.x] = static_cast<int>(threadIdx.x) + round;
    __syncthreads();
    sum += shared[threadIdx.x ^ 32];
  }
  y[threadIdx.x] = sum;
}

__global__ void warp_race_kernel(int* y) {
  __shared__ int shared[128];
  shared[threadIdx.x] = static_cast<int>(threadIdx.x);
  y[threadIdx.x] = shared[threadIdx.x ^ 1];
}

__global__ void shuffle_race_kernel(int* y) {
  __shared__ int shared[128];
  shared[threadIdx.x] = static_cast<int>(threadIdx.x);
  const int other = __shfl_xor_sync(0xffffffffu, static_cast<int>(threadIdx.x), 1);
  y[threadIdx.x] = shared[other];
}

__global__ void race_of_blocks_kernel(int* y) {
  __syncthreads();
  y[64 * blockIdx.x + threadIdx.x] = 1;
  __syncthreads();
  y[64 * blockIdx.x + threadIdx.x] += y[64 * (1 - blockIdx.x) + threadIdx.x];
}

__global__ void atomic_and_plain_kernel(int* y) {
  if (threadIdx.x < 64)
    atomicAdd(y, 1);
  else if (threadIdx.x == 64)
    y[0] = 0;
}

__global__ void order_of_blocks_kernel(int* y) { atomicExch(y, static_cast<int>(blockIdx.x)); }

__global__ void shared_by_turns_kernel(int* y) {
  __shared__ int reversed[64];
  PFC_DYNAMIC_SHARED(int, given);
  const int i = static_cast<int>(threadIdx.x);
  reversed[63 - i] = given[i ^ 1] = i;
  __syncthreads();
  y[64 * blockIdx.x + threadIdx.x] = reversed[i] + given[i];
}

__global__ void nothing_kernel() {}

struct Counts {
  int* count;
  ~Counts() { atomicAdd(count, 1); }
};

__global__ void throws_kernel(int* unwound) {
  const Counts counts{unwound};
  if (blockIdx.x == 2 && threadIdx.x == 17) throw std::runtime_error("seventeen");
  __syncthreads();
}

}  // namespace

void divergent_barriers(Stream& stream) {
  launch("divergent_barriers", divergent_barriers_kernel, 1, 64, 0, stream);
}
void barrier_in_a_branch(Stream& stream) {
  launch("barrier_in_a_branch", barrier_in_a_branch_kernel, 1, 64, 0, stream);
}
void missing_lane(Stream& stream) { launch("missing_lane", missing_lane_kernel, 1, 32, 0, stream); }
void different_masks(Stream& stream) { launch("different_masks", different_masks_kernel, 1, 32, 0, stream); }
void lane_outside_its_mask(Stream& stream) {
  launch("lane_outside_its_mask", lane_outside_its_mask_kernel, 1, 32, 0, stream);
}
void global_store(DeviceSpan<float> x, int64_t offset, Stream& stream) {
  launch("global_store", global_store_kernel, 1, 1, 0, stream, x.address, offset);
}
void dynamic_shared_store(int size, int offset, Stream& stream) {
  launch("dynamic_shared_store", dynamic_shared_store_kernel, 1, 1, size * int64_t{sizeof(float)}, stream,
         offset);
}
void static_shared_load(int offset, DeviceSpan<float> y, Stream& stream) {
  launch("static_shared_load", static_shared_load_kernel, 1, 32, 0, stream, offset, y.address);
}
void template_shared_load(int offset, DeviceSpan<float> y, Stream& stream) {
  launch("template_shared_load", template_shared_load_kernel<float>, 1, 32, 0, stream, offset, y.address);
}
void misaligned_load(DeviceSpan<const float> x, int64_t offset, DeviceSpan<float> y, Stream& stream) {
  launch("misaligned_load", misaligned_load_kernel, 1, 1, 0, stream, x.address, offset, y.address);
}
void misaligned_cached_load(DeviceSpan<const float> x, int64_t offset, DeviceSpan<float> y, Stream& stream) {
  launch("misaligned_cached_load", misaligned_cached_load_kernel, 1, 1, 0, stream, x.address, offset,
         y.address);
}
void unwritten(DeviceSpan<const float> x, DeviceSpan<float> y, Stream& stream) {
  launch("unwritten", unwritten_kernel, 2, 1, 8 * sizeof(float), stream, x.address, y.address);
}
void race(DeviceSpan<int> y, Stream& stream) { launch("race", race_kernel, 1, 128, 0, stream, y.address); }
void hidden_race(DeviceSpan<int> y, Stream& stream) {
  launch("hidden_race", hidden_race_kernel, 1, 128, 0, stream, y.address);
}
void warp_race(DeviceSpan<int> y, Stream& stream) {
  launch("warp_race", warp_race_kernel, 1, 128, 0, stream, y.address);
}
void shuffle_race(DeviceSpan<int> y, Stream& stream) {
  launch("shuffle_race", shuffle_race_kernel, 1, 128, 0, stream, y.address);
}
void race_of_blocks(DeviceSpan<int> y, Stream& stream) {
  launch("race_of_blocks", race_of_blocks_kernel, 2, 64, 0, stream, y.address);
}
void atomic_and_plain(DeviceSpan<int> y, Stream& stream) {
  launch("atomic_and_plain", atomic_and_plain_kernel, 1, 128, 0, stream, y.address);
}
void order_of_blocks(DeviceSpan<int> y, Stream& stream) {
  launch("order_of_blocks", order_of_blocks_kernel, 5, 1, 0, stream, y.address);
}
void shared_by_turns(DeviceSpan<int> y, Stream& stream) {
  launch("shared_by_turns", shared_by_turns_kernel, 2, 64, 64 * sizeof(int), stream, y.address);
}
void launch_with(unsigned threads, int64_t shared, unsigned grid_y, Stream& stream) {
  launch("nothing", nothing_kernel, dim3(1, grid_y), threads, shared, stream);
}
void throws(int* unwound, Stream& stream) { launch("throws", throws_kernel, 4, 64, 0, stream, unwound); }

}  // namespace partialfc::faults
