// From cosines to the terms of the softmax sum, for a tile of centers: rows are classes, columns are samples. SIMD for
// the instruction set found at run time; sums over the rows in float32, in the order of the rows.
#pragma once

#include <cstdint>
#include <span>

#include "partialfc/base/matrix.h"

namespace partialfc {

// How cosines off the target become terms of the softmax sum.
struct SoftmaxOptions {
  float scale = 64;        // s
  float filter_above = 2;  // a cosine above it counts as no negative (inter-class filtering); 2: none is
};

// The largest |cosine| the head works with: arccos and its derivative stay finite.
constexpr double kMaxCosine = 1 - 1e-7;

// values (T, N): in, products x̂_n · w_j; out, factor_j · E_jn, where c_jn = factor_j · value, factor_j = 1/‖w_j‖, E_jn =
// exp(s · clamp(c_jn, ±kMaxCosine) − shifts_n), and E_jn = 0 where c_jn > filter_above. sums_n ← sums_n + Σ_j E_jn.
void exp_sum_columns(const SoftmaxOptions& options, std::span<const float> factors,
                     std::span<const float> shifts, MatrixView<float> values, std::span<float> sums);

// maxima_n ← max(maxima_n, max over c_jn <= filter_above of s · clamp(c_jn)). values as above.
void max_logit_columns(const SoftmaxOptions& options, std::span<const float> factors,
                       MatrixView<const float> values, std::span<float> maxima);

namespace reference {
void exp_sum_columns(const SoftmaxOptions& options, std::span<const float> factors,
                     std::span<const float> shifts, MatrixView<float> values, std::span<float> sums);
void max_logit_columns(const SoftmaxOptions& options, std::span<const float> factors,
                       MatrixView<const float> values, std::span<float> maxima);
}  // namespace reference

}  // namespace partialfc
