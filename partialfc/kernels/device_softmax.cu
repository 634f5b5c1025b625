#include <type_traits>

#include "partialfc/device/block.h"
#include "partialfc/kernels/device_softmax.h"

namespace partialfc {

namespace {

constexpr int kWarps = 4;  // of a block; they share the classes of a chunk
constexpr int kSamplesOfLane = 8;
constexpr int kSamples = kWarp * kSamplesOfLane;  // of a block
constexpr float kNoLogit = -INFINITY;

struct Arguments {
  SoftmaxOptions options;
  const float* inverse_norms;
  const int32_t* class_of;
  int64_t first_class;
  const float* shifts;
  float shift;
  int64_t classes, samples, product_stride, value_stride, sum_stride;
};

// kSamplesOfLane numbers, 16 bytes at a time.
template <class T>
__device__ void load(const T* from, float (&to)[kSamplesOfLane]) {
  constexpr int kSize = Vector<T>::kSize;
  for (int i = 0; i < kSamplesOfLane; i += kSize) {
    const auto vector = *reinterpret_cast<const Vector<T>*>(from + i);
    for (int e = 0; e < kSize; ++e) to[i + e] = to_float(vector.values[e]);
  }
}

template <class T>
__device__ void store(const float (&from)[kSamplesOfLane], T* to) {
  constexpr int kSize = Vector<T>::kSize;
  for (int i = 0; i < kSamplesOfLane; i += kSize) {
    Vector<T> vector;
    for (int e = 0; e < kSize; ++e) vector.values[e] = from_float<T>(from[i + e]);
    *reinterpret_cast<Vector<T>*>(to + i) = vector;
  }
}

// What the threads of a block read again and again, of its chunk of classes and its samples.
struct Shared {
  float inverse_norms[kClassesOfChunk];
  int32_t class_of[kSamples];
  float shifts[kSamples];
  float sums[kWarps][kSamples];
};

__device__ inline void load_shared(const Arguments& a, Shared& shared) {
  const int64_t first_class = int64_t{blockIdx.x} * kClassesOfChunk,
                first_sample = int64_t{blockIdx.y} * kSamples;
  for (int j = threadIdx.x; j < kClassesOfChunk; j += blockDim.x)
    shared.inverse_norms[j] = first_class + j < a.classes ? a.inverse_norms[first_class + j] : 0;
  for (int i = threadIdx.x; i < kSamples; i += blockDim.x) {
    const int64_t n = first_sample + i;
    const int32_t own = n < a.samples ? a.class_of[n] : -1;
    shared.class_of[i] = own < 0 ? -1 : static_cast<int32_t>(own - a.first_class - first_class);
    shared.shifts[i] = a.shifts != nullptr && n < a.samples ? a.shifts[n] : a.shift;
  }
  __syncthreads();
}

// visit(j, factor): the classes of the chunk that this warp has; j from the chunk's first.
template <class Visit>
__device__ void for_each_class(const Arguments& a, const Shared& shared, Visit visit) {
  const int64_t left = a.classes - int64_t{blockIdx.x} * kClassesOfChunk;
  const int count = static_cast<int>(left < kClassesOfChunk ? left : kClassesOfChunk);
#pragma unroll 4
  for (int j = threadIdx.x / kWarp; j < count; j += kWarps) visit(j, shared.inverse_norms[j]);
}

// What a lane needs of its samples, in registers.
struct Samples {
  int own[kSamplesOfLane];  // class, from the chunk's first
  float shift[kSamplesOfLane];

  __device__ Samples(const Shared& shared, int place) {
    for (int i = 0; i < kSamplesOfLane; ++i) {
      own[i] = shared.class_of[place + i];
      shift[i] = shared.shifts[place + i];
    }
  }
};

// Whether c_jn counts as a negative's cosine.
__device__ inline bool is_negative(const Arguments& a, float factor, float cosine, int j, int own) {
  return factor != 0 && j != own && !(cosine > a.options.filter_above);
}

__device__ inline float logit_of(const Arguments& a, float cosine) {
  constexpr auto kMost = static_cast<float>(kMaxCosine);
  return a.options.scale * fminf(fmaxf(cosine, -kMost), kMost);
}

template <class Product, class Value>
__global__ void exp_sums_of_chunk(Arguments a, const Product* products, Value* values, float* partial_sums) {
  __shared__ Shared shared;
  load_shared(a, shared);
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp, place = lane * kSamplesOfLane;
  const int64_t n = int64_t{blockIdx.y} * kSamples + place;
  const Samples mine(shared, place);
  float sums[kSamplesOfLane] = {};
  if (n < a.samples) {
    const int64_t first_row = int64_t{blockIdx.x} * kClassesOfChunk;
    for_each_class(a, shared, [&](int j, float factor) {
      float x[kSamplesOfLane];
      load(products + (first_row + j) * a.product_stride + n, x);
      for (int i = 0; i < kSamplesOfLane; ++i) {
        const float cosine = factor * x[i];
        float e = 0;
        if (is_negative(a, factor, cosine, j, mine.own[i])) e = expf(logit_of(a, cosine) - mine.shift[i]);
        sums[i] += e;
        x[i] = factor * e;
      }
      store(x, values + (first_row + j) * a.value_stride + n);
    });
  }
  for (int i = 0; i < kSamplesOfLane; ++i) shared.sums[warp][place + i] = sums[i];
  __syncthreads();
  for (int i = threadIdx.x; i < kSamples; i += blockDim.x) {
    const int64_t sample = int64_t{blockIdx.y} * kSamples + i;
    if (sample >= a.samples) break;
    float sum = 0;
    for (int w = 0; w < kWarps; ++w) sum += shared.sums[w][i];
    partial_sums[int64_t{blockIdx.x} * a.sum_stride + sample] = sum;
  }
}

template <class Product>
__global__ void largest_logits_of_chunk(Arguments a, const Product* products, float* partial_maxima) {
  __shared__ Shared shared;
  load_shared(a, shared);
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp, place = lane * kSamplesOfLane;
  const int64_t n = int64_t{blockIdx.y} * kSamples + place;
  const Samples mine(shared, place);
  float largest[kSamplesOfLane];
  for (float& value : largest) value = kNoLogit;
  if (n < a.samples)
    for_each_class(a, shared, [&](int j, float factor) {
      float x[kSamplesOfLane];
      load(products + (int64_t{blockIdx.x} * kClassesOfChunk + j) * a.product_stride + n, x);
      for (int i = 0; i < kSamplesOfLane; ++i) {
        const float cosine = factor * x[i];
        if (is_negative(a, factor, cosine, j, mine.own[i]))
          largest[i] = fmaxf(largest[i], logit_of(a, cosine));
      }
    });
  for (int i = 0; i < kSamplesOfLane; ++i) shared.sums[warp][place + i] = largest[i];
  __syncthreads();
  for (int i = threadIdx.x; i < kSamples; i += blockDim.x) {
    const int64_t sample = int64_t{blockIdx.y} * kSamples + i;
    if (sample >= a.samples) break;
    float most = kNoLogit;
    for (int w = 0; w < kWarps; ++w) most = fmaxf(most, shared.sums[w][i]);
    partial_maxima[int64_t{blockIdx.x} * a.sum_stride + sample] = most;
  }
}

__global__ void largest_of_column(const float* partial, int64_t rows, int64_t stride, int64_t samples,
                                  float* maxima) {
  const int64_t n = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (n >= samples) return;
  float most = kNoLogit;
  for (int64_t row = 0; row < rows; ++row) most = fmaxf(most, partial[row * stride + n]);
  maxima[n] = most;
}

int64_t chunks_of(int64_t classes) { return (classes + kClassesOfChunk - 1) / kClassesOfChunk; }

template <class Product>
Arguments arguments_of(const SoftmaxOptions& options, const DeviceTile& tile,
                       DeviceMatrix<const Product> products, DeviceMatrix<float> partial) {
  PFC_CHECK(tile.inverse_norms.size == products.rows && tile.class_of.size == products.cols &&
            partial.rows == chunks_of(products.rows) && partial.cols == products.cols);
  PFC_CHECK(products.stride % kSamplesOfLane == 0 && allows_vectors(products.address, products.stride) &&
            (tile.shifts.size == 0 || tile.shifts.size == products.cols));
  return {.options = options,
          .inverse_norms = tile.inverse_norms.address,
          .class_of = tile.class_of.address,
          .first_class = tile.first_class,
          .shifts = tile.shifts.size > 0 ? tile.shifts.address : nullptr,
          .shift = tile.shift,
          .classes = products.rows,
          .samples = products.cols,
          .product_stride = products.stride,
          .sum_stride = partial.stride};
}

dim3 grid_of(const Arguments& a) {
  return {static_cast<unsigned>(chunks_of(a.classes)),
          static_cast<unsigned>((a.samples + kSamples - 1) / kSamples)};
}

}  // namespace

template <class Product, class Value>
void exp_sums(const SoftmaxOptions& options, const DeviceTile& tile, DeviceMatrix<const Product> products,
              DeviceMatrix<Value> values, DeviceMatrix<float> partial_sums, Stream& stream) {
  Arguments arguments = arguments_of(options, tile, products, partial_sums);
  PFC_CHECK(values.rows == products.rows && values.cols == products.cols &&
            values.stride % kSamplesOfLane == 0 && allows_vectors(values.address, values.stride));
  arguments.value_stride = values.stride;
  launch("exp_sums", exp_sums_of_chunk<Product, Value>, grid_of(arguments), kWarps * kWarp, 0, stream,
         arguments, products.address, values.address, partial_sums.address);
}

template <class Product>
void largest_logits(const SoftmaxOptions& options, const DeviceTile& tile,
                    DeviceMatrix<const Product> products, DeviceMatrix<float> partial_maxima,
                    Stream& stream) {
  const Arguments arguments = arguments_of(options, tile, products, partial_maxima);
  launch("largest_logits", largest_logits_of_chunk<Product>, grid_of(arguments), kWarps * kWarp, 0, stream,
         arguments, products.address, partial_maxima.address);
}

void largest_of_columns(DeviceMatrix<const float> partial_maxima, DeviceSpan<float> maxima, Stream& stream) {
  PFC_CHECK(maxima.size == partial_maxima.cols);
  launch("largest_of_columns", largest_of_column, static_cast<unsigned>((maxima.size + 127) / 128), 128, 0,
         stream, partial_maxima.address, partial_maxima.rows, partial_maxima.stride, maxima.size,
         maxima.address);
}

template void exp_sums(const SoftmaxOptions&, const DeviceTile&, DeviceMatrix<const float>,
                       DeviceMatrix<float>, DeviceMatrix<float>, Stream&);
template void exp_sums(const SoftmaxOptions&, const DeviceTile&, DeviceMatrix<const BFloat16>,
                       DeviceMatrix<BFloat16>, DeviceMatrix<float>, Stream&);
template void exp_sums(const SoftmaxOptions&, const DeviceTile&, DeviceMatrix<const float>,
                       DeviceMatrix<BFloat16>, DeviceMatrix<float>, Stream&);
template void largest_logits(const SoftmaxOptions&, const DeviceTile&, DeviceMatrix<const float>,
                             DeviceMatrix<float>, Stream&);
template void largest_logits(const SoftmaxOptions&, const DeviceTile&, DeviceMatrix<const BFloat16>,
                             DeviceMatrix<float>, Stream&);

}  // namespace partialfc
