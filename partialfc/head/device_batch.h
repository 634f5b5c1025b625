// The samples of a step on a device: into messages and out of them, and what the sums of the softmax mean for each.
//
// N: rows of the padded global batch, rank after rank, up to a multiple of 8. A row with label −1 takes no part: its x̂, weight
// and coefficient are 0. T: type of the products' operands, float or BFloat16.
#pragma once

#include <cstdint>

#include "partialfc/device/stream.h"
#include "partialfc/device/view.h"
#include "partialfc/head/margin.h"
#include "partialfc/kernels/device_rows.h"

namespace partialfc {

// message (rows, D + 2) ← x, then y; rows past those of the batch carry −1, rows without a label zeros. features (n, D),
// labels (n), n <= rows. A label below −1 or of no class becomes −1, and bad_row (1) ← its row and 1, of several the last's.
void pack_batch(DeviceMatrix<const float> features, DeviceSpan<const int64_t> labels, int64_t num_classes,
                DeviceMatrix<float> message, DeviceSpan<int32_t> bad_row, Stream& stream);

template <class T>
struct DeviceBatch {
  DeviceSpan<int64_t> labels;        // (N)
  DeviceMatrix<float> features;      // x̂ (N, D)
  DeviceMatrix<T> operand;           // x̂ (N, padded D)
  DeviceSpan<int32_t> sample_count;  // (1) added to: rows that take part
  DeviceSpan<int32_t> not_finite;    // (1) set to 1 where an x of theirs is not; else left as it is
};
// messages (rows of all ranks, D + 2) as gathered.
template <class T>
void unpack_batch(DeviceMatrix<const float> messages, const DeviceBatch<T>& batch, Stream& stream);

// What the sums over the classes of this rank are made of.
template <class T>
struct DeviceSums {
  DeviceMatrix<const float> partial_sums;  // (chunks, N) Σ E
  DeviceMatrix<const float> u;             // U (N, D)
  DeviceRecords<const T> records;
  DeviceSpan<const int32_t> places;       // (capacity) of the active classes' records
  DeviceSpan<const float> inverse_norms;  // (capacity)
  DeviceSpan<const int32_t> class_of;     // (N)
  DeviceSpan<const int64_t> labels;       // (N)
  DeviceMatrix<const float> features;     // x̂ (N, D)
  DeviceSpan<const int32_t> not_finite;   // (1)
};
// message ← Z⁻ (N), z_y (N; 0 where the class lives elsewhere), 1 where something is not finite, else 0. Of a row that takes
// no part: Z⁻ 1, z_y infinity. cosines (N) ← c_ny, where the class lives here. Without the targets (shifted): message ← Z⁻
// (N), flag.
template <class T>
void finish_sums(const DeviceSums<T>& sums, const Margin& margin, bool with_targets,
                 DeviceSpan<float> message, DeviceSpan<float> cosines, Stream& stream);

// From the sums over all ranks: weights (N) ← (s/N')/(Z⁻ + E_y), coefficients (N) ← ∂L/∂c_ny where the class lives here,
// weighted (N, padded D) ← weights_n · x̂_n. N': sample_count.
template <class T>
struct DeviceWeights {
  DeviceSpan<const float> negatives, target_logits;  // Z⁻, z_y (N)
  DeviceSpan<const float> shifts;                    // κ (N); empty: `shift` for all
  float shift = 0;
  DeviceSpan<const int32_t> class_of, sample_count;
  DeviceSpan<const float> cosines;
  DeviceMatrix<const float> features;
  DeviceSpan<float> weights, coefficients;
  DeviceMatrix<T> weighted;
};
template <class T>
void weigh_samples(const Margin& margin, const DeviceWeights<T>& arguments, Stream& stream);

// gradients (rows of all ranks, D) ← weight_n U_n + coefficient_n ŵ_y: ∂x̂, the part of this rank's classes.
template <class T>
void feature_gradients(const DeviceSums<T>& sums, DeviceSpan<const float> weights,
                       DeviceSpan<const float> coefficients, DeviceMatrix<float> gradients, Stream& stream);

// gradients (n, D) ← ∂x of this rank's rows, from ∂x̂ in unit_gradients (n, D); 0 where the label is −1.
void through_normalization(DeviceMatrix<const float> features, DeviceSpan<const int64_t> labels,
                           DeviceMatrix<const float> unit_gradients, DeviceMatrix<float> gradients,
                           Stream& stream);

}  // namespace partialfc
