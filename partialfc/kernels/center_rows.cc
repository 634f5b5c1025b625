#include "partialfc/kernels/center_rows.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "partialfc/kernels/center_rows.cc"
#include <hwy/foreach_target.h>  // compiles this file once for each instruction set; before the next

#include <hwy/highway.h>

#include "partialfc/kernels/for_lanes-inl.h"

#include "partialfc/kernels/bfloat16_rows.h"
#include "partialfc/kernels/vector_ops.h"

HWY_BEFORE_NAMESPACE();
namespace partialfc::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Float = hn::ScalableTag<float>;

// copy ← v; returns Σ v².
float CopyWithSquares(const float* HWY_RESTRICT v, float* HWY_RESTRICT copy, int64_t n) {
  const Float d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
  const auto move = [&](int64_t i, auto& sum) HWY_ATTR {
    const auto x = hn::LoadU(d, v + i);
    hn::StoreU(x, d, copy + i);
    sum = hn::MulAdd(x, x, sum);
  };
  int64_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    move(i, s0);
    move(i + lanes, s1);
    move(i + 2 * lanes, s2);
    move(i + 3 * lanes, s3);
  }
  for (; i + lanes <= n; i += lanes) move(i, s0);
  float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(s0, s1), hn::Add(s2, s3))));
  for (; i < n; ++i) {
    copy[i] = v[i];
    sum += v[i] * v[i];
  }
  return sum;
}

// m ← μ m + (g + λ w), w ← w − η m, where g = factor · (gradient − along · w).
void SgdRow(const RowStep& step, float factor, float along, const float* HWY_RESTRICT gradient,
            float* HWY_RESTRICT w, float* HWY_RESTRICT m, int64_t n) {
  const float of_w = step.optimizer.weight_decay - factor * along;
  ForLanes(n, [&](int64_t i, auto d) HWY_ATTR {
    const auto center = hn::LoadU(d, w + i);
    const auto decayed = hn::MulAdd(hn::Set(d, of_w), center,
                                    hn::Mul(hn::Set(d, step.optimizer.momentum), hn::LoadU(d, m + i)));
    const auto momentum = hn::MulAdd(hn::Set(d, factor), hn::LoadU(d, gradient + i), decayed);
    hn::StoreU(momentum, d, m + i);
    hn::StoreU(hn::NegMulAdd(hn::Set(d, static_cast<float>(step.learning_rate)), momentum, center), d, w + i);
  });
}

}  // namespace partialfc::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace partialfc {

HWY_EXPORT(CopyWithSquares);
HWY_EXPORT(SgdRow);

namespace {

float inverse_of(float squares) { return 1 / std::max(std::sqrt(squares), kNormEpsilon); }

// The share of v in a gradient by v̂, which ∂v has not: gradient − along · v is orthogonal to v.
float along_center(const float* gradient, const float* v, float inverse_norm, int64_t n) {
  if (inverse_norm >= 1 / kNormEpsilon) return 0;
  return dot(gradient, v, n) * inverse_norm * inverse_norm;
}

}  // namespace

float inverse_norm(const float* v, int64_t n) { return inverse_of(dot(v, v, n)); }

float normalize(const float* v, float* unit, int64_t n) {
  const float inverse = inverse_norm(v, n);
  scale(inverse, v, unit, n);
  return inverse;
}

float copy_with_norm(const float* v, float* copy, int64_t n) {
  return inverse_of(HWY_DYNAMIC_DISPATCH(CopyWithSquares)(v, copy, n));
}

void through_normalization(const float* v, float inverse_norm, float* gradient, int64_t n) {
  add_scaled(-along_center(gradient, v, inverse_norm, n), v, gradient, n);
  scale(inverse_norm, gradient, gradient, n);
}

void step_row(const RowStep& step, float inverse_norm, float* gradient, float* record, int64_t n) {
  const float along = along_center(gradient, record, inverse_norm, n);
  const float factor = step.gradient_scale;
  if (step.optimizer.kind == OptimizerOptions::Kind::kSgd) {
    HWY_DYNAMIC_DISPATCH(SgdRow)(step, factor, along, gradient, record, record + n, n);
    return;
  }
  add_scaled(-along, record, gradient, n);
  scale(factor, gradient, gradient, n);
  optimizer_step(step.optimizer, step.learning_rate, step.t, gradient, record, record + n, record + 2 * n, n);
}

void step_row(const RowStep& step, float inverse_norm, float* gradient, BFloat16* record, int64_t n,
              uint64_t rounding_key, float* scratch) {
  const int64_t numbers = (1 + step.optimizer.states()) * n;
  to_float(record, scratch, numbers);
  step_row(step, inverse_norm, gradient, scratch, n);
  round_stochastically(rounding_key, scratch, record, numbers);
}

namespace reference {

double inverse_norm(const double* v, int64_t n) {
  return 1 / std::max(std::sqrt(std::inner_product(v, v + n, v, 0.0)), double{kNormEpsilon});
}

void through_normalization(const double* v, double* gradient, int64_t n) {
  const double inverse = inverse_norm(v, n);
  const bool is_linear = inverse >= 1 / double{kNormEpsilon};
  const double along = is_linear ? 0 : std::inner_product(v, v + n, gradient, 0.0) * inverse * inverse;
  for (int64_t i = 0; i < n; ++i) gradient[i] = inverse * (gradient[i] - along * v[i]);
}

}  // namespace reference

}  // namespace partialfc
#endif  // HWY_ONCE
