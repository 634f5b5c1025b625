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

// How cosines off the target become terms of the softmax sum.
struct ExpSumOptions {
  float scale = 64;        // s
  float shift = 0;         // κ
  float filter_above = 2;  // a cosine above it counts as no negative (inter-class filtering); 2: none is
};

// The largest |cosine| the head works with: arccos and its derivative stay finite.
constexpr float kMaxCosine = 1.0f - 1e-7f;

// values_j: in, cosines c_j; out, E_j = exp(s · clamp(c_j, ±kMaxCosine) − κ), 0 where c_j > filter_above.
// Returns Σ E_j.
float exp_sum(const ExpSumOptions& options, float* values, int64_t n);

// max over c_j <= filter_above of s · clamp(c_j); −infinity where there is none.
float max_logit(const ExpSumOptions& options, const float* cosines, int64_t n);

namespace reference {
float dot(const float* a, const float* b, int64_t n);
float exp_sum(const ExpSumOptions& options, float* values, int64_t n);
float max_logit(const ExpSumOptions& options, const float* cosines, int64_t n);
}  // namespace reference

}  // namespace partialfc
