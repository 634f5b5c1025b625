#include "partialfc/kernels/softmax_tile.h"

#include <algorithm>
#include <cmath>
#include <optional>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "partialfc/kernels/softmax_tile.cc"
#include <hwy/foreach_target.h>  // compiles this file once for each instruction set; before the other two

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "partialfc/kernels/for_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace partialfc::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Float = hn::ScalableTag<float>;

template <class D, class V>
HWY_INLINE V Clamped(D d, V cosine) {
  const auto limit = hn::Set(d, static_cast<float>(kMaxCosine));
  return hn::Min(hn::Max(cosine, hn::Neg(limit)), limit);
}

template <int kVectors, class D>
HWY_INLINE void ExpSumOfVectors(D d, const SoftmaxOptions& options, const float* factors, const float* shifts,
                                MatrixView<float> values, float* sums) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto scale = hn::Set(d, options.scale), filter = hn::Set(d, options.filter_above);
  hn::Vec<D> shift[kVectors],
      sum[kVectors];  // the tile's sum first: two short sums round less than a long one
  for (int v = 0; v < kVectors; ++v) {
    shift[v] = hn::LoadU(d, shifts + v * lanes);
    sum[v] = hn::Zero(d);
  }
  for (int64_t j = 0; j < values.rows; ++j) {
    const auto factor = hn::Set(d, factors[j]);
    for (int v = 0; v < kVectors; ++v) {
      float* place = values[j] + v * lanes;
      const auto cosine = hn::Mul(factor, hn::LoadU(d, place));
      const auto e = hn::IfThenZeroElse(hn::Gt(cosine, filter),
                                        hn::Exp(d, hn::MulSub(scale, Clamped(d, cosine), shift[v])));
      hn::StoreU(hn::Mul(factor, e), d, place);
      sum[v] = hn::Add(sum[v], e);
    }
  }
  for (int v = 0; v < kVectors; ++v)
    hn::StoreU(hn::Add(sum[v], hn::LoadU(d, sums + v * lanes)), d, sums + v * lanes);
}

void ExpSumColumns(const SoftmaxOptions& options, const float* factors, const float* shifts,
                   MatrixView<float> values, float* sums) {
  const Float d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto from = [&](int64_t n) {
    return MatrixView<float>(values.data + n, values.rows, values.cols - n, values.stride);
  };
  int64_t n = 0;
  for (; n + 4 * lanes <= values.cols; n += 4 * lanes)
    ExpSumOfVectors<4>(d, options, factors, shifts + n, from(n), sums + n);
  for (; n + lanes <= values.cols; n += lanes)
    ExpSumOfVectors<1>(d, options, factors, shifts + n, from(n), sums + n);
  for (; n < values.cols; ++n)
    ExpSumOfVectors<1>(hn::CappedTag<float, 1>(), options, factors, shifts + n, from(n), sums + n);
}

void MaxLogitColumns(const SoftmaxOptions& options, const float* factors, MatrixView<const float> values,
                     float* maxima) {
  ForLanes(values.cols, [&](int64_t n, auto d) HWY_ATTR {
    const auto scale = hn::Set(d, options.scale), filter = hn::Set(d, options.filter_above);
    auto largest = hn::LoadU(d, maxima + n);
    for (int64_t j = 0; j < values.rows; ++j) {
      const auto cosine = hn::Mul(hn::Set(d, factors[j]), hn::LoadU(d, values[j] + n));
      const auto logit = hn::Mul(scale, Clamped(d, cosine));
      largest = hn::IfThenElse(hn::Gt(cosine, filter), largest, hn::Max(largest, logit));
    }
    hn::StoreU(largest, d, maxima + n);
  });
}

}  // namespace partialfc::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace partialfc {

HWY_EXPORT(ExpSumColumns);
HWY_EXPORT(MaxLogitColumns);

void exp_sum_columns(const SoftmaxOptions& options, std::span<const float> factors,
                     std::span<const float> shifts, MatrixView<float> values, std::span<float> sums) {
  PFC_CHECK(std::ssize(factors) == values.rows && std::ssize(shifts) == values.cols &&
            std::ssize(sums) == values.cols);
  HWY_DYNAMIC_DISPATCH(ExpSumColumns)(options, factors.data(), shifts.data(), values, sums.data());
}

void max_logit_columns(const SoftmaxOptions& options, std::span<const float> factors,
                       MatrixView<const float> values, std::span<float> maxima) {
  PFC_CHECK(std::ssize(factors) == values.rows && std::ssize(maxima) == values.cols);
  HWY_DYNAMIC_DISPATCH(MaxLogitColumns)(options, factors.data(), values, maxima.data());
}

namespace reference {

namespace {
// No value where the cosine is filtered out.
std::optional<double> logit(const SoftmaxOptions& options, float cosine) {
  if (cosine > options.filter_above) return std::nullopt;
  return options.scale * std::clamp<double>(cosine, -kMaxCosine, kMaxCosine);
}
}  // namespace

void exp_sum_columns(const SoftmaxOptions& options, std::span<const float> factors,
                     std::span<const float> shifts, MatrixView<float> values, std::span<float> sums) {
  for (int64_t n = 0; n < values.cols; ++n) {
    double sum = sums[n];
    for (int64_t j = 0; j < values.rows; ++j) {
      const auto z = logit(options, factors[j] * values(j, n));
      const double e = z ? std::exp(*z - shifts[n]) : 0.0;
      values(j, n) = static_cast<float>(factors[j] * e);
      sum += e;
    }
    sums[n] = static_cast<float>(sum);
  }
}

void max_logit_columns(const SoftmaxOptions& options, std::span<const float> factors,
                       MatrixView<const float> values, std::span<float> maxima) {
  for (int64_t n = 0; n < values.cols; ++n)
    for (int64_t j = 0; j < values.rows; ++j)
      if (const auto z = logit(options, factors[j] * values(j, n)))
        maxima[n] = std::max(maxima[n], static_cast<float>(*z));
}

}  // namespace reference
}  // namespace partialfc
#endif  // HWY_ONCE
