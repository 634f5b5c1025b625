#include <algorithm>
#include <cmath>

#include "partialfc/base/random.h"
#include "partialfc/device/block.h"
#include "partialfc/kernels/device_rows.h"
#include "partialfc/kernels/device_step_number.h"
#include "partialfc/kernels/stochastic_rounding.h"

namespace partialfc {

namespace {

// kSize numbers at once: 16 bytes, or one number where rows are not aligned.
template <class T, int kSize>
__device__ void load(const T* from, float (&to)[kSize]) {
  if constexpr (kSize == 1) {
    to[0] = to_float(*from);
  } else {
    const auto vector = *reinterpret_cast<const Vector<T>*>(from);
    for (int i = 0; i < kSize; ++i) to[i] = to_float(vector.values[i]);
  }
}

template <class T, int kSize>
__global__ void gather(DeviceRecords<const T> records, const int32_t* slots, int64_t rows, T* centers,
                       int64_t stride, float* inverse_norms, int32_t* not_finite) {
  const int64_t j = row_of_warp();
  if (j >= rows) return;
  const int lane = threadIdx.x % kWarp;
  const int32_t slot = broadcast_load(slots + j);
  T* const center = centers + j * stride;
  if (slot < 0) {
    for (int64_t d = lane; d < stride; d += kWarp) center[d] = T{};
    if (lane == 0) inverse_norms[j] = 0;
    return;
  }
  const T* const record = records.address + slot * records.numbers;
  float squares = 0;
  for (int64_t d = lane * kSize; d < records.dim; d += kWarp * kSize) {
    if constexpr (kSize == 1) {
      center[d] = record[d];
      squares += to_float(record[d]) * to_float(record[d]);
    } else {
      const auto vector = *reinterpret_cast<const Vector<T>*>(record + d);
      *reinterpret_cast<Vector<T>*>(center + d) = vector;
      for (int i = 0; i < kSize; ++i) squares += to_float(vector.values[i]) * to_float(vector.values[i]);
    }
  }
  for (int64_t d = records.dim + lane; d < stride; d += kWarp) center[d] = T{};
  squares = warp_sum(squares);
  if (lane != 0) return;
  inverse_norms[j] = 1 / fmaxf(sqrtf(squares), kNormEpsilon);
  if (!std::isfinite(squares)) atomicExch(not_finite, 1);
}

struct StepArguments {
  NumberStep step;
  float gradient_scale;
  const int32_t *slots, *places;
  int64_t rows;
  const float* inverse_norms;
  const float* gradients;
  int64_t gradient_stride;
  const int32_t *positive_of, *first_sample, *samples;
  const float* coefficients;
  const float* features;
  int64_t feature_stride;
  uint64_t rounding_key;
  int64_t first_position;
  uint8_t* changed;
};

// gradient of numbers d … of row j, with the terms of its targets: those of positive k, −1 for none.
template <int kSize>
__device__ void load_gradient(const StepArguments& a, int64_t j, int64_t d, int k, float inverse_norm,
                              float (&gradient)[kSize]) {
  const float* const row = a.gradients + j * a.gradient_stride + d;
  if constexpr (kSize == 1) {
    gradient[0] = *row;
  } else {
    for (int i = 0; i < kSize; i += 4) {
      const auto vector = *reinterpret_cast<const Vector<float>*>(row + i);
      for (int e = 0; e < 4; ++e) gradient[i + e] = vector.values[e];
    }
  }
  if (k < 0) return;
  for (int i = a.first_sample[k]; i < a.first_sample[k + 1]; ++i) {
    const int n = a.samples[i];
    const float coefficient = a.coefficients[n] * inverse_norm;
    for (int e = 0; e < kSize; ++e) gradient[e] += coefficient * a.features[n * a.feature_stride + d + e];
  }
}

// Places of a record: number i ← the value, rounded at random where T is bfloat16.
template <class T, int kSize>
__device__ void store(const float (&values)[kSize], T* record, int64_t place, uint64_t key) {
  if constexpr (std::is_same_v<T, float>) {
    if constexpr (kSize == 1) {
      record[place] = values[0];
    } else {
      Vector<float> vector;
      for (int e = 0; e < kSize; ++e) vector.values[e] = values[e];
      *reinterpret_cast<Vector<float>*>(record + place) = vector;
    }
  } else if constexpr (kSize == 1) {
    const uint32_t bits = rounding_bits(key, static_cast<uint32_t>(place / 2));
    record[place] = round_with(place % 2 == 0 ? bits & 0xffffu : bits >> 16, values[0]);
  } else {
    Vector<T> vector;
    for (int e = 0; e < kSize; e += 2) {
      const uint32_t bits = rounding_bits(key, static_cast<uint32_t>((place + e) / 2));
      vector.values[e] = round_with(bits & 0xffffu, values[e]);
      vector.values[e + 1] = round_with(bits >> 16, values[e + 1]);
    }
    *reinterpret_cast<Vector<T>*>(record + place) = vector;
  }
}

// kVectors > 0: a lane keeps its part of a row in registers, kVectors · kSize numbers; 0: rows of any length are read
// twice.
template <class T, int kSize, int kVectors, bool kAdamW>
__global__ void step(DeviceRecords<T> records, StepArguments a) {
  const int64_t j = row_of_warp();
  if (j >= a.rows) return;
  const int lane = threadIdx.x % kWarp;
  const int32_t slot = broadcast_load(a.slots + j);
  if (slot < 0) return;
  const float inverse_norm = broadcast_load(a.inverse_norms + j);
  const int k = broadcast_load(a.positive_of + j);
  const int64_t dim = records.dim;
  T* const record = records.address + broadcast_load(a.places + j) * records.numbers;

  constexpr int kKept = kVectors > 0 ? kVectors : 1;
  float gradient[kKept][kSize], w[kKept][kSize];
  float dot = 0;
  const auto load_part = [&](int part, int64_t d) {
    load_gradient(a, j, d, k, inverse_norm, gradient[part]);
    load<T, kSize>(record + d, w[part]);
  };
  const auto add_to_dot = [&](int part) {
    for (int e = 0; e < kSize; ++e) dot += gradient[part][e] * w[part][e];
  };
  if constexpr (kVectors > 0) {
#pragma unroll
    for (int part = 0; part < kVectors; ++part) {
      const int64_t d = (part * kWarp + lane) * kSize;
      if (d >= dim) continue;
      load_part(part, d);
      add_to_dot(part);
    }
  } else {
    for (int64_t d = lane * kSize; d < dim; d += kWarp * kSize) {
      load_part(0, d);
      add_to_dot(0);
    }
  }
  dot = warp_sum(dot);
  const float along = inverse_norm >= 1 / kNormEpsilon ? 0 : dot * inverse_norm * inverse_norm;
  const uint64_t key = mix(a.rounding_key, static_cast<uint64_t>(a.first_position + slot));
  const auto step_part = [&](int part, int64_t d) {
    float m[kSize], v[kSize];
    load<T, kSize>(record + dim + d, m);
    if constexpr (kAdamW) load<T, kSize>(record + 2 * dim + d, v);
    // gradient: ∂ŵ/‖w‖; along: the share of w in it, which ∂w has not.
    for (int e = 0; e < kSize; ++e)
      step_number<kAdamW>(a.step, a.gradient_scale * (gradient[part][e] - along * w[part][e]), w[part][e],
                          m[e], v[e]);
    store<T, kSize>(w[part], record, d, key);
    store<T, kSize>(m, record, dim + d, key);
    if constexpr (kAdamW) store<T, kSize>(v, record, 2 * dim + d, key);
  };
  if constexpr (kVectors > 0) {
#pragma unroll
    for (int part = 0; part < kVectors; ++part) {
      const int64_t d = (part * kWarp + lane) * kSize;
      if (d < dim) step_part(part, d);
    }
  } else {
    for (int64_t d = lane * kSize; d < dim; d += kWarp * kSize) {
      load_part(0, d);
      step_part(0, d);
    }
  }
  if (lane == 0) a.changed[slot] = 1;
}

__global__ void add_rows_of(const int32_t* slots, const int32_t* places, const float* inverse_norms,
                            int64_t count, DeviceRowSums rows) {
  const int64_t j = row_of_warp();
  if (j >= count) return;
  const int lane = threadIdx.x % kWarp;
  int row = -1;
  if (lane == 0 && slots[j] >= 0 && rows.row_of_slot.address[slots[j]] < 0) {
    row = atomicAdd(rows.count.address, 1);
    rows.row_of_slot.address[slots[j]] = row;
    rows.slots.address[row] = slots[j];
    rows.places.address[row] = places[j];
    rows.inverse_norms.address[row] = inverse_norms[j];
  }
  row = __shfl_sync(kAllLanes, row, 0);
  if (row < 0) return;
  for (int64_t d = lane; d < rows.sums.cols; d += kWarp) rows.sums.address[row * rows.sums.stride + d] = 0;
}

__global__ void add_gradients_of(StepArguments a, DeviceRowSums rows) {
  const int64_t j = row_of_warp();
  if (j >= a.rows) return;
  const int32_t slot = broadcast_load(a.slots + j);
  if (slot < 0) return;
  const float inverse_norm = broadcast_load(a.inverse_norms + j);
  const int k = broadcast_load(a.positive_of + j);
  float* const sum = rows.sums.address + broadcast_load(rows.row_of_slot.address + slot) * rows.sums.stride;
  for (int64_t d = threadIdx.x % kWarp; d < rows.sums.cols; d += kWarp) {
    float gradient[1];
    load_gradient(a, j, d, k, inverse_norm, gradient);
    sum[d] += gradient[0];
  }
}

__global__ void forget(DeviceRowSums rows) {
  const int64_t row = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (row >= rows.slots.size || rows.slots.address[row] < 0) return;
  rows.row_of_slot.address[rows.slots.address[row]] = -1;
  rows.slots.address[row] = -1;
}

// Whether records can be moved 16 bytes at a time.
template <class T>
bool are_aligned(DeviceRecords<T> records) {
  return records.dim % Vector<T>::kSize == 0 && allows_vectors(records.address, records.numbers);
}

}  // namespace

template <class T>
void gather_centers(DeviceRecords<const T> records, DeviceSpan<const int32_t> slots, DeviceMatrix<T> centers,
                    DeviceSpan<float> inverse_norms, DeviceSpan<int32_t> not_finite, Stream& stream) {
  PFC_CHECK(centers.rows == slots.size && inverse_norms.size == slots.size && centers.cols == records.dim);
  const bool aligned = are_aligned(records) && allows_vectors(centers.address, centers.stride);
  const auto kernel = aligned ? gather<T, Vector<T>::kSize> : gather<T, 1>;
  launch("gather_centers", kernel, blocks_of_rows(slots.size), kRowThreads, 0, stream, records, slots.address,
         slots.size, centers.address, centers.stride, inverse_norms.address, not_finite.address);
}

namespace {

StepArguments arguments_of(DeviceSpan<const int32_t> slots, DeviceSpan<const float> inverse_norms,
                           DeviceMatrix<const float> gradients, const DeviceTargets& targets) {
  PFC_CHECK(gradients.rows == slots.size && inverse_norms.size == slots.size &&
            targets.positive_of.size == slots.size);
  return {.slots = slots.address,
          .rows = slots.size,
          .inverse_norms = inverse_norms.address,
          .gradients = gradients.address,
          .gradient_stride = gradients.stride,
          .positive_of = targets.positive_of.address,
          .first_sample = targets.first_sample.address,
          .samples = targets.samples.address,
          .coefficients = targets.coefficients.address,
          .features = targets.features.address,
          .feature_stride = targets.features.stride};
}

}  // namespace

void add_rows(DeviceSpan<const int32_t> slots, DeviceSpan<const int32_t> places,
              DeviceSpan<const float> inverse_norms, const DeviceRowSums& rows, Stream& stream) {
  PFC_CHECK(places.size == slots.size && rows.places.size == rows.slots.size);
  launch("add_rows", add_rows_of, blocks_of_rows(slots.size), kRowThreads, 0, stream, slots.address,
         places.address, inverse_norms.address, slots.size, rows);
}

void add_gradients(DeviceSpan<const int32_t> slots, DeviceSpan<const float> inverse_norms,
                   DeviceMatrix<const float> gradients, const DeviceTargets& targets,
                   const DeviceRowSums& rows, Stream& stream) {
  launch("add_gradients", add_gradients_of, blocks_of_rows(slots.size), kRowThreads, 0, stream,
         arguments_of(slots, inverse_norms, gradients, targets), rows);
}

void forget_rows(const DeviceRowSums& rows, Stream& stream) {
  launch("forget_rows", forget, static_cast<unsigned>((rows.slots.size + kRowThreads - 1) / kRowThreads),
         kRowThreads, 0, stream, rows);
}

template <class T>
void step_rows(const RowStep& row_step, DeviceRecords<T> records, DeviceSpan<const int32_t> slots,
               DeviceSpan<const int32_t> places, DeviceSpan<const float> inverse_norms,
               DeviceMatrix<const float> gradients, const DeviceTargets& targets, uint64_t rounding_key,
               int64_t first_position, DeviceSpan<uint8_t> changed, Stream& stream) {
  PFC_CHECK(places.size == slots.size);
  const OptimizerOptions& o = row_step.optimizer;
  const auto t = static_cast<double>(row_step.t);
  StepArguments arguments = arguments_of(slots, inverse_norms, gradients, targets);
  arguments.step = {.optimizer = o,
                    .learning_rate = static_cast<float>(row_step.learning_rate),
                    .m_correction = static_cast<float>(1 / (1 - std::pow(double{o.beta1}, t))),
                    .v_correction = static_cast<float>(1 / (1 - std::pow(double{o.beta2}, t)))};
  arguments.gradient_scale = row_step.gradient_scale;
  arguments.places = places.address;
  arguments.rounding_key = rounding_key;
  arguments.first_position = first_position;
  arguments.changed = changed.address;
  constexpr int kSize = Vector<T>::kSize;
  const auto run = [&](auto kernel) {
    launch("step_rows", kernel, blocks_of_rows(slots.size), kRowThreads, 0, stream, records, arguments);
  };
  const auto run_for = [&]<bool kAdamW>() {
    const bool aligned = are_aligned(records) && allows_vectors(gradients.address, gradients.stride);
    if (aligned && records.dim <= 2 * kSize * kWarp)
      run(step<T, kSize, 2, kAdamW>);
    else if (aligned && records.dim <= 4 * kSize * kWarp)
      run(step<T, kSize, 4, kAdamW>);
    else
      run(step<T, 1, 0, kAdamW>);
  };
  if (o.kind == OptimizerOptions::Kind::kAdamW)
    run_for.template operator()<true>();
  else
    run_for.template operator()<false>();
}

#define PFC_FOR_TYPE(T)                                                                                  \
  template void gather_centers(DeviceRecords<const T>, DeviceSpan<const int32_t>, DeviceMatrix<T>,       \
                               DeviceSpan<float>, DeviceSpan<int32_t>, Stream&);                         \
  template void step_rows(const RowStep&, DeviceRecords<T>, DeviceSpan<const int32_t>,                   \
                          DeviceSpan<const int32_t>, DeviceSpan<const float>, DeviceMatrix<const float>, \
                          const DeviceTargets&, uint64_t, int64_t, DeviceSpan<uint8_t>, Stream&);
PFC_FOR_TYPE(float)
PFC_FOR_TYPE(BFloat16)
#undef PFC_FOR_TYPE

}  // namespace partialfc
