// Rows of bfloat16 as vectors. All need a bfloat16_unit() other than kNone (bfloat16_gemm.h).
#pragma once

#include <cstdint>

#include "partialfc/base/precision.h"

namespace partialfc {

// out_i ← x_i
void to_float(const BFloat16* x, float* out, int64_t n);
// out_i ← x_i, rounded at random (stochastic_rounding.h)
void round_stochastically(uint64_t key, const float* x, BFloat16* out, int64_t n);

// Σ x_i y_i and Σ x_i², summed in float32
float dot(const BFloat16* x, const float* y, int64_t n);
float squared_norm(const BFloat16* x, int64_t n);

}  // namespace partialfc
