#include "partialfc/kernels/vector_ops.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "partialfc/kernels/vector_ops.cc"
#include <hwy/foreach_target.h>  // compiles this file once for each instruction set; before the next

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

}  // namespace partialfc::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace partialfc {

HWY_EXPORT(Dot);
HWY_EXPORT(Scale);
HWY_EXPORT(AddScaled);
HWY_EXPORT(AllFinite);

float dot(const float* a, const float* b, int64_t n) { return HWY_DYNAMIC_DISPATCH(Dot)(a, b, n); }

void scale(float factor, const float* x, float* out, int64_t n) {
  HWY_DYNAMIC_DISPATCH(Scale)(factor, x, out, n);
}

void add_scaled(float factor, const float* x, float* y, int64_t n) {
  HWY_DYNAMIC_DISPATCH(AddScaled)(factor, x, y, n);
}

bool all_finite(const float* x, int64_t n) { return HWY_DYNAMIC_DISPATCH(AllFinite)(x, n); }

namespace reference {

float dot(const float* a, const float* b, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += double{a[i]} * b[i];
  return static_cast<float>(sum);
}

}  // namespace reference
}  // namespace partialfc
#endif  // HWY_ONCE
