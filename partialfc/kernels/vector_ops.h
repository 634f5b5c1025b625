// Operations on contiguous float32 vectors, in SIMD for the instruction set found at run time.
// The scalar references stand in namespace reference; sums there are taken in float64.
#pragma once

#include <cstdint>

namespace partialfc {

// Σ a_i b_i, i < n
float dot(const float* a, const float* b, int64_t n);

// out_i ← factor · x_i; out may be x
void scale(float factor, const float* x, float* out, int64_t n);

// y_i ← y_i + factor · x_i
void add_scaled(float factor, const float* x, float* y, int64_t n);

bool all_finite(const float* x, int64_t n);

namespace reference {
float dot(const float* a, const float* b, int64_t n);
}  // namespace reference

}  // namespace partialfc
