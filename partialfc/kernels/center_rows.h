// Rows of class centers, one at a time: normalising them on the way in, stepping them on the way out. SIMD for the
// instruction set found at run time.
//
//     v̂ = v/max(‖v‖, ε)          ∂v = (∂v̂ − (∂v̂·v̂) v̂)/‖v‖, and ∂v̂/ε where ‖v‖ < ε: there the map is linear
#pragma once

#include <cstdint>

#include "partialfc/base/precision.h"
#include "partialfc/kernels/optimizer_step.h"

namespace partialfc {

constexpr float kNormEpsilon = 1e-12f;  // ε of the normalisations

// 1/max(‖v‖, ε). v: (n)
float inverse_norm(const float* v, int64_t n);

// unit ← v̂; returns 1/max(‖v‖, ε). v, unit: (n); unit may be v.
float normalize(const float* v, float* unit, int64_t n);

// gradient: in, by v̂; out, by v. v: (n), inverse_norm as normalize() returns it.
void through_normalization(const float* v, float inverse_norm, float* gradient, int64_t n);

// copy ← v; returns 1/max(‖v‖, ε). (n)
float copy_with_norm(const float* v, float* copy, int64_t n);

// How the rows of one update step.
struct RowStep {
  OptimizerOptions optimizer;
  double learning_rate = 0;
  int64_t t = 1;  // step, from 1
  float gradient_scale = 1;
};

// One row's step. gradient (n): ∂ŵ/‖w‖ of this record's center; changed. inverse_norm: 1/max(‖w‖, ε). record:
// [w | states], each n numbers.
void step_row(const RowStep& step, float inverse_norm, float* gradient, float* record, int64_t n);

// The same for a bfloat16 record, whose new numbers are rounded stochastically: the bits are a function of rounding_key.
// scratch: (1 + states) · n numbers.
void step_row(const RowStep& step, float inverse_norm, float* gradient, BFloat16* record, int64_t n,
              uint64_t rounding_key, float* scratch);

namespace reference {
// 1/max(‖v‖, ε), and a gradient by v from one by v̂, in float64. v, gradient: (n)
double inverse_norm(const double* v, int64_t n);
void through_normalization(const double* v, double* gradient, int64_t n);
}  // namespace reference

}  // namespace partialfc
