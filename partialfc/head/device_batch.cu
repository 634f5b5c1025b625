#include <cstring>

#include "partialfc/device/block.h"
#include "partialfc/device/buffer.h"
#include "partialfc/head/device_batch.h"
#include "partialfc/head/softmax_sums.h"

namespace partialfc {

namespace {

constexpr int kSumSamples = 8;  // of a block that finishes sums, a warp each
constexpr int kSumThreads = kSumSamples * kWarp;

__device__ inline int lane() { return threadIdx.x % kWarp; }

// A label as the last two numbers of a message's row.
__device__ inline void put_label(int64_t label, float* place) {
  place[0] = __uint_as_float(static_cast<uint32_t>(label));
  place[1] = __uint_as_float(static_cast<uint32_t>(static_cast<uint64_t>(label) >> 32));
}
__device__ inline int64_t get_label(const float* place) {
  return static_cast<int64_t>(uint64_t{__float_as_uint(place[1])} << 32 | __float_as_uint(place[0]));
}

__global__ void pack(DeviceMatrix<const float> features, const int64_t* labels, int64_t num_classes,
                     DeviceMatrix<float> message, int32_t* bad_row) {
  const int64_t n = row_of_warp(), dim = features.cols;
  if (n >= message.rows) return;
  int64_t label = n < features.rows ? labels[n] : -1;
  if (label < -1 || label >= num_classes) {
    if (lane() == 0) atomicMax(bad_row, static_cast<int32_t>(n + 1));
    label = -1;
  }
  float* const row = message.address + n * message.stride;
  for (int64_t d = lane(); d < dim; d += kWarp)
    row[d] = label >= 0 ? features.address[n * features.stride + d] : 0;
  if (lane() == 0) put_label(label, row + dim);
}

template <class T>
__global__ void unpack(const float* messages, int64_t rows, DeviceBatch<T> batch) {
  const int64_t n = row_of_warp(), dim = batch.features.cols;
  if (n >= batch.labels.size) return;
  const float* const x = messages + n * (dim + 2);
  const int64_t label = n < rows ? get_label(x + dim) : -1;
  float squares = 0;
  bool finite = true;
  if (label >= 0)
    for (int64_t d = lane(); d < dim; d += kWarp) {
      squares += x[d] * x[d];
      finite = finite && std::isfinite(x[d]);
    }
  squares = warp_sum(squares);
  const float inverse = 1 / fmaxf(sqrtf(squares), kNormEpsilon);
  float* const unit = batch.features.address + n * batch.features.stride;
  T* const operand = batch.operand.address + n * batch.operand.stride;
  for (int64_t d = lane(); d < batch.operand.stride; d += kWarp) {
    const float value = label >= 0 && d < dim ? inverse * x[d] : 0;
    if (d < dim) unit[d] = value;
    operand[d] = from_float<T>(value);
  }
  const bool all_finite = __all_sync(kAllLanes, finite);
  if (lane() != 0) return;
  batch.labels.address[n] = label;
  if (label >= 0) atomicAdd(batch.sample_count.address, 1);
  if (!all_finite) atomicExch(batch.not_finite.address, 1);
}

// Σ over the chunks of a column, the same order whatever runs beside: threads take chunks in turn, their sums are added in
// the order of the threads.
__device__ inline float sum_of_chunks(DeviceMatrix<const float> partial, int64_t n,
                                      float (&sums)[kWarp][kSumSamples]) {
  const int chunk_of_turn = threadIdx.x / kSumSamples, sample = threadIdx.x % kSumSamples;
  float sum = 0;
  if (n < partial.cols)
    for (int64_t chunk = chunk_of_turn; chunk < partial.rows; chunk += kWarp)
      sum += partial.address[chunk * partial.stride + n];
  sums[chunk_of_turn][sample] = sum;
  __syncthreads();
  float total = 0;
  if (threadIdx.x < kSumSamples)
    for (int turn = 0; turn < kWarp; ++turn) total += sums[turn][threadIdx.x];
  return total;
}

struct Finish {
  Margin margin;
  bool with_targets;
  float* message;
  float* cosines;
};

template <class T>
__global__ void finish(DeviceSums<T> a, Finish f) {
  __shared__ float chunk_sums[kWarp][kSumSamples];
  __shared__ float negatives[kSumSamples];
  const int64_t samples = a.class_of.size, first = int64_t{blockIdx.x} * kSumSamples;
  const float sum = sum_of_chunks(a.partial_sums, first + threadIdx.x % kSumSamples, chunk_sums);
  if (threadIdx.x < kSumSamples && first + threadIdx.x < samples) {
    const bool takes_part = a.labels.address[first + threadIdx.x] >= 0;
    negatives[threadIdx.x] = takes_part ? sum : 1;
    f.message[first + threadIdx.x] = negatives[threadIdx.x];
  }
  __syncthreads();
  const int sample = threadIdx.x / kWarp;  // from here on a warp a sample
  const int64_t n = first + sample, dim = a.records.dim;
  if (n >= samples) return;
  const bool takes_part = a.labels.address[n] >= 0;
  bool finite = *a.not_finite.address == 0;
  if (takes_part && std::isfinite(negatives[sample]))
    for (int64_t d = lane(); d < dim; d += kWarp)
      finite = finite && std::isfinite(a.u.address[n * a.u.stride + d]);
  if (f.with_targets) {
    const int32_t j = a.class_of.address[n];
    float logit = 0;
    if (j >= 0) {
      const T* const w = a.records.address + a.places.address[j] * a.records.numbers;
      const float* const x = a.features.address + n * a.features.stride;
      float product = 0;
      for (int64_t d = lane(); d < dim; d += kWarp) product += to_float(w[d]) * x[d];
      const float cosine = a.inverse_norms.address[j] * warp_sum(product);
      logit = static_cast<float>(f.margin.scale * with_margin(f.margin, cosine).value);
      if (lane() == 0) f.cosines[n] = cosine;
      finite = finite && std::isfinite(logit);
    }
    if (lane() == 0) f.message[samples + n] = takes_part ? logit : INFINITY;
  }
  const bool all_finite = __all_sync(kAllLanes, finite);
  if (lane() == 0 && !all_finite) atomicExch(f.message + (f.with_targets ? 2 : 1) * samples, 1.0f);
}

template <class T>
__global__ void weigh(DeviceWeights<T> a, Margin margin) {
  const int64_t n = row_of_warp(), dim = a.features.cols;
  if (n >= a.class_of.size) return;
  SampleSoftmax sample{};
  const float target_logit = a.target_logits.address[n];
  if (std::isfinite(target_logit)) {
    const double s_over_n = double{margin.scale} / *a.sample_count.address;
    const float shift = a.shifts.size > 0 ? a.shifts.address[n] : a.shift;
    sample = sample_softmax(s_over_n, a.negatives.address[n], double{target_logit} - shift);
  }
  for (int64_t d = lane(); d < a.weighted.stride; d += kWarp)
    a.weighted.address[n * a.weighted.stride + d] =
        from_float<T>(d < dim ? sample.weight * a.features.address[n * a.features.stride + d] : 0);
  if (lane() != 0) return;
  a.weights.address[n] = sample.weight;
  double coefficient = 0;
  if (a.class_of.address[n] >= 0)
    coefficient = sample.residual * with_margin(margin, a.cosines.address[n]).derivative;
  a.coefficients.address[n] = static_cast<float>(coefficient);
}

template <class T>
__global__ void unit_gradients(DeviceSums<T> a, const float* weights, const float* coefficients,
                               DeviceMatrix<float> gradients) {
  const int64_t n = row_of_warp(), dim = a.records.dim;
  if (n >= gradients.rows) return;
  const float weight = weights[n];
  const int32_t j = a.class_of.address[n];
  float factor = 0;
  const T* w = nullptr;
  if (j >= 0) {
    factor = coefficients[n] * a.inverse_norms.address[j];
    w = a.records.address + a.places.address[j] * a.records.numbers;
  }
  for (int64_t d = lane(); d < dim; d += kWarp) {
    float gradient = weight * a.u.address[n * a.u.stride + d];
    if (weight == 0) gradient = 0;  // U of a row without a label is none
    if (w != nullptr) gradient += factor * to_float(w[d]);
    gradients.address[n * gradients.stride + d] = gradient;
  }
}

__global__ void normalization(DeviceMatrix<const float> features, const int64_t* labels,
                              DeviceMatrix<const float> unit_gradients, DeviceMatrix<float> gradients) {
  const int64_t n = row_of_warp(), dim = features.cols;
  if (n >= features.rows) return;
  const float* const x = features.address + n * features.stride;
  const float* const g = unit_gradients.address + n * unit_gradients.stride;
  float* const out = gradients.address + n * gradients.stride;
  if (labels[n] < 0) {
    for (int64_t d = lane(); d < dim; d += kWarp) out[d] = 0;
    return;
  }
  float squares = 0, along = 0;
  for (int64_t d = lane(); d < dim; d += kWarp) {
    squares += x[d] * x[d];
    along += x[d] * g[d];
  }
  const float inverse = 1 / fmaxf(sqrtf(warp_sum(squares)), kNormEpsilon);
  along = warp_sum(along) * inverse * inverse;
  if (inverse >= 1 / kNormEpsilon) along = 0;  // there x/ε is linear
  for (int64_t d = lane(); d < dim; d += kWarp) out[d] = inverse * (g[d] - along * x[d]);
}

}  // namespace

void pack_batch(DeviceMatrix<const float> features, DeviceSpan<const int64_t> labels, int64_t num_classes,
                DeviceMatrix<float> message, DeviceSpan<int32_t> bad_row, Stream& stream) {
  PFC_CHECK(features.rows == labels.size && labels.size <= message.rows &&
            features.cols + 2 == message.cols && message.stride == message.cols && bad_row.size == 1);
  launch("pack_batch", pack, blocks_of_rows(message.rows), kRowThreads, 0, stream, features, labels.address,
         num_classes, message, bad_row.address);
}

template <class T>
void unpack_batch(DeviceMatrix<const float> messages, const DeviceBatch<T>& batch, Stream& stream) {
  PFC_CHECK(messages.rows <= batch.labels.size && messages.cols == batch.features.cols + 2 &&
            messages.stride == messages.cols && batch.operand.cols == batch.features.cols);
  launch("unpack_batch", unpack<T>, blocks_of_rows(batch.labels.size), kRowThreads, 0, stream,
         messages.address, messages.rows, batch);
}

template <class T>
void finish_sums(const DeviceSums<T>& sums, const Margin& margin, bool with_targets,
                 DeviceSpan<float> message, DeviceSpan<float> cosines, Stream& stream) {
  const int64_t samples = sums.class_of.size;
  PFC_CHECK(message.size == (with_targets ? 2 : 1) * samples + 1 && cosines.size == samples);
  clear(message.part(message.size - 1, 1), stream);
  launch("finish_sums", finish<T>, static_cast<unsigned>((samples + kSumSamples - 1) / kSumSamples),
         kSumThreads, 0, stream, sums, Finish{margin, with_targets, message.address, cosines.address});
}

template <class T>
void weigh_samples(const Margin& margin, const DeviceWeights<T>& arguments, Stream& stream) {
  launch("weigh_samples", weigh<T>, blocks_of_rows(arguments.class_of.size), kRowThreads, 0, stream,
         arguments, margin);
}

template <class T>
void feature_gradients(const DeviceSums<T>& sums, DeviceSpan<const float> weights,
                       DeviceSpan<const float> coefficients, DeviceMatrix<float> gradients, Stream& stream) {
  PFC_CHECK(gradients.rows <= sums.class_of.size && gradients.cols == sums.records.dim);
  launch("feature_gradients", unit_gradients<T>, blocks_of_rows(gradients.rows), kRowThreads, 0, stream, sums,
         weights.address, coefficients.address, gradients);
}

void through_normalization(DeviceMatrix<const float> features, DeviceSpan<const int64_t> labels,
                           DeviceMatrix<const float> unit_gradients, DeviceMatrix<float> gradients,
                           Stream& stream) {
  PFC_CHECK(labels.size == features.rows && unit_gradients.rows >= features.rows &&
            gradients.rows == features.rows);
  launch("through_normalization", normalization, blocks_of_rows(features.rows), kRowThreads, 0, stream,
         features, labels.address, unit_gradients, gradients);
}

#define PFC_FOR_TYPE(T)                                                                                      \
  template void unpack_batch<T>(DeviceMatrix<const float>, const DeviceBatch<T>&, Stream&);                  \
  template void finish_sums<T>(const DeviceSums<T>&, const Margin&, bool, DeviceSpan<float>,                 \
                               DeviceSpan<float>, Stream&);                                                  \
  template void weigh_samples<T>(const Margin&, const DeviceWeights<T>&, Stream&);                           \
  template void feature_gradients<T>(const DeviceSums<T>&, DeviceSpan<const float>, DeviceSpan<const float>, \
                                     DeviceMatrix<float>, Stream&);
PFC_FOR_TYPE(float)
PFC_FOR_TYPE(BFloat16)
#undef PFC_FOR_TYPE

}  // namespace partialfc
