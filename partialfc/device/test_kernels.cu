#include "partialfc/device/test_kernels.h"

#include "partialfc/device/launch.h"

namespace partialfc {
namespace {

unsigned blocks(int64_t work, int64_t each) { return static_cast<unsigned>((work + each - 1) / each); }

__global__ void scale_kernel(const float* x, int64_t n, float factor, float* y) {
  const int64_t i = blockIdx.x * int64_t{blockDim.x} + threadIdx.x;
  if (i < n) y[i] = x[i] * factor;
}

__global__ void copy_vectors_kernel(const float4* x, int64_t n, float4* y) {
  const int64_t i = blockIdx.x * int64_t{blockDim.x} + threadIdx.x;
  if (i < n) y[i] = x[i];
}

__global__ void inverse_norms_kernel(const BFloat16* x, int64_t rows, int64_t cols, int64_t stride,
                                     float* norms) {
  const int64_t row = blockIdx.x * int64_t{blockDim.x / 32} + threadIdx.x / 32;
  const int lane = static_cast<int>(threadIdx.x % 32);
  if (row >= rows) return;
  float sum = 0;
  for (int64_t d = lane * 8; d < cols; d += 32 * 8) {
    const uint4 eight = *reinterpret_cast<const uint4*>(x + row * stride + d);
    for (const unsigned two : {eight.x, eight.y, eight.z, eight.w}) {
      const float low = __uint_as_float(two << 16), high = __uint_as_float(two & 0xffff0000u);
      sum += low * low + high * high;
    }
  }
  for (int bits = 16; bits > 0; bits /= 2) sum += __shfl_xor_sync(~0u, sum, bits);
  if (lane == 0) norms[row] = rsqrtf(sum);
}

__global__ void column_sums_kernel(const float* x, int64_t rows, int64_t cols, int64_t stride, float* sums) {
  PFC_DYNAMIC_SHARED(float, partial);
  for (int64_t j = threadIdx.x; j < cols; j += blockDim.x) partial[j] = 0;
  __syncthreads();
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    // Another thread's column with every row, so that the barrier is needed.
    for (int64_t j = (threadIdx.x + row) % blockDim.x; j < cols; j += blockDim.x)
      partial[j] += x[row * stride + j];
    __syncthreads();
  }
  for (int64_t j = threadIdx.x; j < cols; j += blockDim.x) atomicAdd(&sums[j], partial[j]);
}

__global__ void compact_kernel(const int* flags, int n, int* kept, int* count) {
  __shared__ int first[32];  // of each warp
  __shared__ int total;
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32;
  const int threads = static_cast<int>(blockDim.x);
  if (thread == 0) total = 0;
  __syncthreads();
  for (int begin = 0; begin < n; begin += threads) {
    const int i = begin + thread;
    const bool keep = i < n && flags[i] != 0;
    const unsigned ballot = __ballot_sync(~0u, keep);
    if (lane == 0) first[warp] = __popc(ballot);
    __syncthreads();
    if (thread == 0)
      for (int w = 0; w < threads / 32; ++w) {
        const int here = first[w];
        first[w] = total;
        total += here;
      }
    __syncthreads();
    if (keep) kept[first[warp] + __popc(ballot & ((1u << lane) - 1))] = i;
    __syncthreads();
  }
  if (thread == 0) *count = total;
}

constexpr int kTile = 16;

template <class T>
__global__ void transpose_kernel(const T* x, int64_t rows, int64_t cols, int64_t x_stride, T* y,
                                 int64_t y_stride) {
  __shared__ T tile[kTile][kTile + 1];
  const int tx = static_cast<int>(threadIdx.x), ty = static_cast<int>(threadIdx.y);
  int64_t row = blockIdx.y * int64_t{kTile} + ty, col = blockIdx.x * int64_t{kTile} + tx;
  if (row < rows && col < cols) tile[ty][tx] = x[row * x_stride + col];
  __syncthreads();
  row = blockIdx.x * int64_t{kTile} + ty, col = blockIdx.y * int64_t{kTile} + tx;
  if (row < cols && col < rows) y[row * y_stride + col] = tile[tx][ty];
}

template <class T>
void launch_transpose(DeviceMatrix<const T> x, DeviceMatrix<T> y, Stream& stream) {
  launch("transpose", transpose_kernel<T>, dim3(blocks(x.cols, kTile), blocks(x.rows, kTile)),
         dim3(kTile, kTile), 0, stream, x.address, x.rows, x.cols, x.stride, y.address, y.stride);
}

__global__ void warp_functions_kernel(int* results) {
  const int lane = static_cast<int>(threadIdx.x), value = 3 * lane + 1;
  const unsigned all = ~0u, own_half = lane < 16 ? 0xffffu : 0xffff0000u;
  int i = 0;
  const auto put = [&](int result) { results[32 * i++ + lane] = result; };
  put(__shfl_sync(all, value, 5));
  put(__shfl_sync(all, value, lane + 1, 8));
  put(__shfl_xor_sync(all, value, 3));
  put(__shfl_up_sync(all, value, 2));
  put(__shfl_down_sync(all, value, 2, 16));
  put(static_cast<int>(__ballot_sync(all, value % 2)));
  put(__any_sync(all, value == 7));
  put(__all_sync(all, value > 1));
  put(__reduce_add_sync(all, value));
  put(__reduce_min_sync(all, -value));
  put(static_cast<int>(__reduce_max_sync(all, static_cast<unsigned>(value))));
  put(static_cast<int>(__reduce_or_sync(all, static_cast<unsigned>(value))));
  put(static_cast<int>(__reduce_xor_sync(all, static_cast<unsigned>(value))));
  put(static_cast<int>(__reduce_and_sync(all, static_cast<unsigned>(value) | 64u)));
  put(__reduce_add_sync(own_half, value));
  __syncwarp();
  put(__shfl_sync(own_half, value, 0, 16));
}

}  // namespace

void scale(DeviceSpan<const float> x, float factor, DeviceSpan<float> y, Stream& stream) {
  launch("scale", scale_kernel, blocks(x.size, 128), 128, 0, stream, x.address, x.size, factor, y.address);
}

void copy_vectors(DeviceSpan<const float> x, DeviceSpan<float> y, Stream& stream) {
  launch("copy_vectors", copy_vectors_kernel, blocks(x.size / 4, 64), 64, 0, stream,
         reinterpret_cast<const float4*>(x.address), x.size / 4, reinterpret_cast<float4*>(y.address));
}

void inverse_norms(DeviceMatrix<const BFloat16> x, DeviceSpan<float> norms, Stream& stream) {
  launch("inverse_norms", inverse_norms_kernel, blocks(x.rows, 4), 128, 0, stream, x.address, x.rows, x.cols,
         x.stride, norms.address);
}

void column_sums(DeviceMatrix<const float> x, DeviceSpan<float> sums, Stream& stream) {
  launch("column_sums", column_sums_kernel, 5, 64, x.cols * int64_t{sizeof(float)}, stream, x.address, x.rows,
         x.cols, x.stride, sums.address);
}

void compact(DeviceSpan<const int> flags, DeviceSpan<int> kept, DeviceSpan<int> count, Stream& stream) {
  launch("compact", compact_kernel, 1, 256, 0, stream, flags.address, static_cast<int>(flags.size),
         kept.address, count.address);
}

void transpose(DeviceMatrix<const float> x, DeviceMatrix<float> y, Stream& stream) {
  launch_transpose(x, y, stream);
}
void transpose(DeviceMatrix<const BFloat16> x, DeviceMatrix<BFloat16> y, Stream& stream) {
  launch_transpose(x, y, stream);
}

void warp_functions(DeviceMatrix<int> results, Stream& stream) {
  launch("warp_functions", warp_functions_kernel, 1, 32, 0, stream, results.address);
}

}  // namespace partialfc
