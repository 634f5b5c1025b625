// Batch normalisation of channels-last activations with a PReLU or a residual fused in, in SIMD, on one thread.
//
//     pre = scale · (x − mean) + bias,      scale = γ · inv_std,  inv_std = 1/sqrt(variance + ε)
//     y   = pre > 0 ? pre : slope · pre     with a PReLU
//     y   = pre + residual                  with a residual
//
// Backward, with t = ∂L/∂pre = dy · (pre > 0 ? 1 : slope) and x̂ = inv_std · (x − mean):
//
//     ∂L/∂bias = Σ t,   ∂L/∂γ = Σ t·x̂,   ∂L/∂slope = Σ_{pre <= 0} dy · pre,   ∂L/∂residual = dy
//     dx = scale · (t − mean(t) − x̂ · mean(t·x̂))     normalised by the batch's own statistics
//     dx = scale · t                                  by fixed ones
//
// (Ioffe & Szegedy: "Batch normalization", 2015; He et al.: "Delving deep into rectifiers", 2015.)
//
// x, y, dx, dy and residual are (M, C), row-major without gaps, float or BFloat16; M = images · height · width. What is
// per channel is (C): parameters in float32, sums in float64. A batch is shared out over threads by its rows: each
// calls the sums for its own, the caller adds them up and then has the rows worked on.
#pragma once

#include <cstdint>

#include "partialfc/base/matrix.h"
#include "partialfc/base/precision.h"

namespace partialfc {

// Per channel, (C) each.
struct BatchNormChannels {
  const float* mean = nullptr;
  const float* scale = nullptr;
  const float* bias = nullptr;
  const float* slope = nullptr;  // null: no PReLU
};

// sum_c ← sum_c + Σ (x − pivot_c),  square_sum_c ← square_sum_c + Σ (x − pivot_c)². Any row of the batch is a good
// pivot: the variance does not cancel then, however large the mean.
template <class T>
void batch_norm_moments(MatrixView<const T> x, const float* pivot, double* sum, double* square_sum);

// residual: null, or added to y; not together with a slope.
template <class T>
void batch_norm_forward(const BatchNormChannels& channels, MatrixView<const T> x, const T* residual, T* y);

struct BatchNormSums {
  double* t = nullptr;      // Σ t
  double* t_x = nullptr;    // Σ t · (x − mean)
  double* slope = nullptr;  // Σ_{pre <= 0} dy · pre; null if and only if there is no PReLU
};

// Adds to the sums.
template <class T>
void batch_norm_backward_sums(const BatchNormChannels& channels, MatrixView<const T> x, const T* dy,
                              const BatchNormSums& sums);

// dx = scale · (t − t_mean − factor · (x − mean)), where t_mean = mean(t) and factor = inv_std² · mean(t · (x − mean))
// over the whole batch; both zero with fixed statistics.
template <class T>
void batch_norm_backward(const BatchNormChannels& channels, const float* t_mean, const float* factor,
                         MatrixView<const T> x, const T* dy, T* dx);

// The same in float64, one element after the other.
namespace reference {
template <class T>
void batch_norm_moments(MatrixView<const T> x, const float* pivot, double* sum, double* square_sum);
template <class T>
void batch_norm_forward(const BatchNormChannels& channels, MatrixView<const T> x, const T* residual,
                        double* y);
template <class T>
void batch_norm_backward_sums(const BatchNormChannels& channels, MatrixView<const T> x, const T* dy,
                              const BatchNormSums& sums);
template <class T>
void batch_norm_backward(const BatchNormChannels& channels, const float* t_mean, const float* factor,
                         MatrixView<const T> x, const T* dy, double* dx);
}  // namespace reference

}  // namespace partialfc
