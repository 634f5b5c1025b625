#include "partialfc/kernels/vector_ops.h"

#include <algorithm>
#include <cmath>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "partialfc/kernels/vector_ops.cc"
#include <hwy/foreach_target.h>  // compiles this file once for each instruction set; before the other two

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace partialfc::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Float = hn::ScalableTag<float>;

// Calls body(offset, count) for full vectors (count = lanes) and once for the tail (count < lanes).
template <class Full, class Tail>
HWY_INLINE void for_vectors(int64_t n, Full full, Tail tail) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(Float()));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) full(i);
  if (i < n) tail(i, static_cast<size_t>(n - i));
}

float Dot(const float* HWY_RESTRICT a, const float* HWY_RESTRICT b, int64_t n) {
  const Float d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  // Four sums in flight hide the latency of the fused multiply-add (4 cycles, two a cycle would want eight; loads are
  // the limit before that).
  auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
  int64_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    s0 = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), s0);
    s1 = hn::MulAdd(hn::LoadU(d, a + i + lanes), hn::LoadU(d, b + i + lanes), s1);
    s2 = hn::MulAdd(hn::LoadU(d, a + i + 2 * lanes), hn::LoadU(d, b + i + 2 * lanes), s2);
    s3 = hn::MulAdd(hn::LoadU(d, a + i + 3 * lanes), hn::LoadU(d, b + i + 3 * lanes), s3);
  }
  for (; i + lanes <= n; i += lanes) s0 = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), s0);
  float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(s0, s1), hn::Add(s2, s3))));
  for (; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

void Scale(float factor, const float* x, float* out, int64_t n) {
  const Float d;
  const auto f = hn::Set(d, factor);
  for_vectors(
      n, [&](int64_t i) HWY_ATTR { hn::StoreU(hn::Mul(f, hn::LoadU(d, x + i)), d, out + i); },
      [&](int64_t i, size_t count) HWY_ATTR {
        for (size_t j = 0; j < count; ++j) out[i + j] = factor * x[i + j];
      });
}

void AddScaled(float factor, const float* HWY_RESTRICT x, float* HWY_RESTRICT y, int64_t n) {
  const Float d;
  const auto f = hn::Set(d, factor);
  for_vectors(
      n,
      [&](int64_t i)
          HWY_ATTR { hn::StoreU(hn::MulAdd(f, hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d, y + i); },
      [&](int64_t i, size_t count) HWY_ATTR {
        for (size_t j = 0; j < count; ++j) y[i + j] += factor * x[i + j];
      });
}

bool AllFinite(const float* x, int64_t n) {
  // x − x is 0 for finite x and NaN otherwise; a sum of zeros stays 0.
  const Float d;
  auto sum = hn::Zero(d);
  float tail_sum = 0;
  for_vectors(
      n,
      [&](int64_t i) HWY_ATTR {
        const auto v = hn::LoadU(d, x + i);
        sum = hn::Add(sum, hn::Sub(v, v));
      },
      [&](int64_t i, size_t count) HWY_ATTR {
        for (size_t j = 0; j < count; ++j) tail_sum += x[i + j] - x[i + j];
      });
  return hn::GetLane(hn::SumOfLanes(d, sum)) + tail_sum == 0;
}

template <class V>
HWY_INLINE V ToLogit(Float d, const ExpSumOptions& options, V cosine) {
  const auto limit = hn::Set(d, kMaxCosine);
  const auto clamped = hn::Min(hn::Max(cosine, hn::Neg(limit)), limit);
  return hn::MulSub(hn::Set(d, options.scale), clamped, hn::Set(d, options.shift));
}

float ExpSum(const ExpSumOptions& options, float* HWY_RESTRICT values, int64_t n) {
  const Float d;
  const auto filter = hn::Set(d, options.filter_above);
  const auto term = [&](auto cosine) HWY_ATTR {
    const auto e = hn::Exp(d, ToLogit(d, options, cosine));
    return hn::IfThenZeroElse(hn::Gt(cosine, filter), e);
  };
  auto sum = hn::Zero(d);
  float tail_sum = 0;
  for_vectors(
      n,
      [&](int64_t i) HWY_ATTR {
        const auto e = term(hn::LoadU(d, values + i));
        hn::StoreU(e, d, values + i);
        sum = hn::Add(sum, e);
      },
      [&](int64_t i, size_t count) HWY_ATTR {
        HWY_ALIGN float padded[hn::MaxLanes(Float())] = {};
        std::copy_n(values + i, count, padded);
        hn::Store(term(hn::Load(d, padded)), d, padded);
        std::copy_n(padded, count, values + i);
        for (size_t j = 0; j < count; ++j) tail_sum += padded[j];
      });
  return hn::GetLane(hn::SumOfLanes(d, sum)) + tail_sum;
}

float MaxLogit(const ExpSumOptions& options, const float* HWY_RESTRICT cosines, int64_t n) {
  const Float d;
  const auto filter = hn::Set(d, options.filter_above);
  const auto lowest = hn::Set(d, -std::numeric_limits<float>::infinity());
  auto largest = lowest;
  const auto visit = [&](auto cosine) HWY_ATTR {
    const auto z = hn::Add(ToLogit(d, options, cosine), hn::Set(d, options.shift));
    largest = hn::Max(largest, hn::IfThenElse(hn::Gt(cosine, filter), lowest, z));
  };
  for_vectors(
      n, [&](int64_t i) HWY_ATTR { visit(hn::LoadU(d, cosines + i)); },
      [&](int64_t i, size_t count) HWY_ATTR {
        HWY_ALIGN float padded[hn::MaxLanes(Float())];
        std::fill_n(padded, hn::MaxLanes(Float()), cosines[i]);
        std::copy_n(cosines + i, count, padded);
        visit(hn::Load(d, padded));
      });
  return hn::GetLane(hn::MaxOfLanes(d, largest));
}

}  // namespace partialfc::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace partialfc {

HWY_EXPORT(Dot);
HWY_EXPORT(Scale);
HWY_EXPORT(AddScaled);
HWY_EXPORT(AllFinite);
HWY_EXPORT(ExpSum);
HWY_EXPORT(MaxLogit);

float dot(const float* a, const float* b, int64_t n) { return HWY_DYNAMIC_DISPATCH(Dot)(a, b, n); }

void scale(float factor, const float* x, float* out, int64_t n) {
  HWY_DYNAMIC_DISPATCH(Scale)(factor, x, out, n);
}

void add_scaled(float factor, const float* x, float* y, int64_t n) {
  HWY_DYNAMIC_DISPATCH(AddScaled)(factor, x, y, n);
}

bool all_finite(const float* x, int64_t n) { return HWY_DYNAMIC_DISPATCH(AllFinite)(x, n); }

float exp_sum(const ExpSumOptions& options, float* values, int64_t n) {
  return HWY_DYNAMIC_DISPATCH(ExpSum)(options, values, n);
}

float max_logit(const ExpSumOptions& options, const float* cosines, int64_t n) {
  return HWY_DYNAMIC_DISPATCH(MaxLogit)(options, cosines, n);
}

namespace reference {

namespace {
double to_logit(const ExpSumOptions& options, float cosine) {
  return double{options.scale} * std::clamp(cosine, -kMaxCosine, kMaxCosine);
}
}  // namespace

float dot(const float* a, const float* b, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += double{a[i]} * b[i];
  return static_cast<float>(sum);
}

float exp_sum(const ExpSumOptions& options, float* values, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    const bool filtered = values[i] > options.filter_above;
    const double e = filtered ? 0.0 : std::exp(to_logit(options, values[i]) - options.shift);
    values[i] = static_cast<float>(e);
    sum += e;
  }
  return static_cast<float>(sum);
}

float max_logit(const ExpSumOptions& options, const float* cosines, int64_t n) {
  double largest = -std::numeric_limits<double>::infinity();
  for (int64_t i = 0; i < n; ++i)
    if (!(cosines[i] > options.filter_above)) largest = std::max(largest, to_logit(options, cosines[i]));
  return static_cast<float>(largest);
}

}  // namespace reference
}  // namespace partialfc
#endif  // HWY_ONCE
