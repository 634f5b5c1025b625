#include "partialfc/kernels/batch_norm.h"

#include <algorithm>
#include <type_traits>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "partialfc/kernels/batch_norm.cc"
#include <hwy/foreach_target.h>  // compiles this file once for each instruction set; before highway.h

#include <hwy/highway.h>

#include "partialfc/kernels/column_sums-inl.h"
#include "partialfc/kernels/float_pairs-inl.h"

#ifndef PFC_BATCH_NORM_KERNELS  // once, not for each instruction set
#define PFC_BATCH_NORM_KERNELS
namespace partialfc {

// The functions of batch_norm.h as one instruction set has them.
template <class T>
struct BatchNormKernels {
  void (*moments)(MatrixView<const T>, const float*, double*, double*);
  void (*forward)(const BatchNormChannels&, MatrixView<const T>, const T*, T*);
  void (*backward_sums)(const BatchNormChannels&, MatrixView<const T>, const T*, const BatchNormSums&);
  void (*backward)(const BatchNormChannels&, const float*, const float*, MatrixView<const T>, const T*, T*);
};

}  // namespace partialfc
#endif

HWY_BEFORE_NAMESPACE();
namespace partialfc::HWY_NAMESPACE {

namespace {

template <class T>
struct SpreadChannels {
  SpreadChannels(const BatchNormChannels& of, int64_t channels)
      : mean(Spread<T>(of.mean, channels)),
        scale(Spread<T>(of.scale, channels)),
        bias(Spread<T>(of.bias, channels)),
        slope(Spread<T>(of.slope, channels)) {}
  std::vector<float> mean, scale, bias, slope;
};

// Calls element(x, other, out, position) on pointers to each pair of the count elements. The last elements, fewer than
// a pair, go through padded copies.
template <class T, class Element>
HWY_INLINE void ForPairs(int64_t count, int64_t period, const T* x, const T* other, T* out, Element element) {
  const int64_t pair = PairSize();
  int64_t i = 0, position = 0;
  for (; i + pair <= count; i += pair) {
    element(x + i, other + i, out + i, position);
    position = position + pair == period ? 0 : position + pair;
  }
  if (i == count) return;
  T padded_x[2 * hn::MaxLanes(Float())] = {}, padded_other[2 * hn::MaxLanes(Float())] = {};
  std::copy_n(x + i, count - i, padded_x);
  std::copy_n(other + i, count - i, padded_other);
  element(padded_x, padded_other, padded_x, position);
  std::copy_n(padded_x, count - i, out + i);
}

enum class After { kNothing, kPRelu, kResidual };

// The coefficients are loaded again for each pair: from the L1 cache, at a third of the time that the activations take
// to come from L2, and the activations are walked in the order of their addresses.
template <After kAfter, class T>
void ForwardWith(const BatchNormChannels& channels, MatrixView<const T> x, const T* residual, T* y) {
  const Float d;
  const SpreadChannels<T> per(channels, x.cols);
  const auto one = [&](Vector v, Vector other, int64_t i) HWY_ATTR {
    const auto centered = hn::Sub(v, hn::LoadU(d, &per.mean[i]));
    const auto pre = hn::MulAdd(hn::LoadU(d, &per.scale[i]), centered, hn::LoadU(d, &per.bias[i]));
    if constexpr (kAfter == After::kResidual) return hn::Add(pre, other);
    if constexpr (kAfter == After::kPRelu)
      return hn::IfThenElse(hn::Gt(pre, hn::Zero(d)), pre, hn::Mul(pre, hn::LoadU(d, &per.slope[i])));
    return pre;
  };
  const T* other = kAfter == After::kResidual ? residual : x.data;
  ForPairs(x.rows * x.cols, Period(x.cols), x.data, other, y,
           [&](const T* x, const T* other, T* y, int64_t i) HWY_ATTR {
             Vector x0, x1, r0, r1;
             LoadPair(x, x0, x1);
             LoadPair(other, r0, r1);
             StorePair(one(x0, r0, i), one(x1, r1, i + hn::Lanes(d)), y);
           });
}

template <class T>
void Forward(const BatchNormChannels& channels, MatrixView<const T> x, const T* residual, T* y) {
  if (residual != nullptr) return ForwardWith<After::kResidual>(channels, x, residual, y);
  if (channels.slope != nullptr) return ForwardWith<After::kPRelu>(channels, x, residual, y);
  ForwardWith<After::kNothing>(channels, x, residual, y);
}

template <bool kPRelu, class T>
void BackwardWith(const BatchNormChannels& channels, const float* t_mean, const float* factor,
                  MatrixView<const T> x, const T* dy, T* dx) {
  const Float d;
  const SpreadChannels<T> per(channels, x.cols);
  const auto means = Spread<T>(t_mean, x.cols), factors = Spread<T>(factor, x.cols);
  const auto one = [&](Vector v, Vector dy, int64_t i) HWY_ATTR {
    const auto centered = hn::Sub(v, hn::LoadU(d, &per.mean[i]));
    const auto a = hn::LoadU(d, &per.scale[i]);
    auto t = dy;
    if constexpr (kPRelu) {
      const auto pre = hn::MulAdd(a, centered, hn::LoadU(d, &per.bias[i]));
      t = hn::IfThenElse(hn::Gt(pre, hn::Zero(d)), dy, hn::Mul(dy, hn::LoadU(d, &per.slope[i])));
    }
    return hn::Mul(a,
                   hn::NegMulAdd(hn::LoadU(d, &factors[i]), centered, hn::Sub(t, hn::LoadU(d, &means[i]))));
  };
  ForPairs(x.rows * x.cols, Period(x.cols), x.data, dy, dx,
           [&](const T* x, const T* dy, T* dx, int64_t i) HWY_ATTR {
             Vector x0, x1, dy0, dy1;
             LoadPair(x, x0, x1);
             LoadPair(dy, dy0, dy1);
             StorePair(one(x0, dy0, i), one(x1, dy1, i + hn::Lanes(d)), dx);
           });
}

template <class T>
void Backward(const BatchNormChannels& channels, const float* t_mean, const float* factor,
              MatrixView<const T> x, const T* dy, T* dx) {
  const auto backward = channels.slope != nullptr ? BackwardWith<true, T> : BackwardWith<false, T>;
  backward(channels, t_mean, factor, x, dy, dx);
}

template <class T>
void Moments(MatrixView<const T> x, const float* pivot, double* sum, double* square_sum) {
  const Float d;
  const auto pivots = Spread<T>(pivot, x.cols);
  ColumnSums<2, T> sums(x.cols);
  const int64_t period = sums.period;
  ForColumns(x.rows * x.cols, x.data, x.data, sums,
             [&](const T* x, const T*, int64_t rows, int64_t position) HWY_ATTR {
               const auto p0 = hn::LoadU(d, &pivots[position]);
               const auto p1 = hn::LoadU(d, &pivots[position + hn::Lanes(d)]);
               auto s0 = hn::Zero(d), s1 = s0, q0 = s0, q1 = s0, x0 = s0, x1 = s0;
               for (int64_t row = 0; row < rows; ++row) {
                 LoadPair(x + row * period, x0, x1);
                 x0 = hn::Sub(x0, p0);
                 x1 = hn::Sub(x1, p1);
                 s0 = hn::Add(s0, x0);
                 s1 = hn::Add(s1, x1);
                 q0 = hn::MulAdd(x0, x0, q0);
                 q1 = hn::MulAdd(x1, x1, q1);
               }
               sums.set(0, position, s0, s1);
               sums.set(1, position, q0, q1);
             });
  sums.add_to(0, sum);
  sums.add_to(1, square_sum);
}

template <bool kPRelu, class T>
void BackwardSumsWith(const BatchNormChannels& channels, MatrixView<const T> x, const T* dy,
                      const BatchNormSums& out) {
  const Float d;
  const SpreadChannels<T> per(channels, x.cols);
  ColumnSums<3, T> sums(x.cols);
  const int64_t period = sums.period;
  // Adds one vector's terms; i is its position.
  const auto add = [&](Vector v, Vector dy, int64_t i, Vector& t_sum, Vector& t_x_sum,
                       Vector& slope_sum) HWY_ATTR {
    const auto centered = hn::Sub(v, hn::LoadU(d, &per.mean[i]));
    auto t = dy;
    if constexpr (kPRelu) {
      const auto pre = hn::MulAdd(hn::LoadU(d, &per.scale[i]), centered, hn::LoadU(d, &per.bias[i]));
      const auto positive = hn::Gt(pre, hn::Zero(d));
      t = hn::IfThenElse(positive, dy, hn::Mul(dy, hn::LoadU(d, &per.slope[i])));
      slope_sum = hn::MulAdd(dy, hn::IfThenZeroElse(positive, pre), slope_sum);
    }
    t_sum = hn::Add(t_sum, t);
    t_x_sum = hn::MulAdd(t, centered, t_x_sum);
  };
  ForColumns(x.rows * x.cols, x.data, dy, sums,
             [&](const T* x, const T* dy, int64_t rows, int64_t position) HWY_ATTR {
               const int64_t second = position + static_cast<int64_t>(hn::Lanes(d));
               auto t0 = hn::Zero(d), t1 = t0, tx0 = t0, tx1 = t0, slope0 = t0, slope1 = t0;
               auto x0 = t0, x1 = t0, dy0 = t0, dy1 = t0;
               for (int64_t row = 0; row < rows; ++row) {
                 LoadPair(x + row * period, x0, x1);
                 LoadPair(dy + row * period, dy0, dy1);
                 add(x0, dy0, position, t0, tx0, slope0);
                 add(x1, dy1, second, t1, tx1, slope1);
               }
               sums.set(0, position, t0, t1);
               sums.set(1, position, tx0, tx1);
               sums.set(2, position, slope0, slope1);
             });
  sums.add_to(0, out.t);
  sums.add_to(1, out.t_x);
  if (kPRelu) sums.add_to(2, out.slope);
}

template <class T>
void BackwardSums(const BatchNormChannels& channels, MatrixView<const T> x, const T* dy,
                  const BatchNormSums& sums) {
  const auto backward_sums =
      channels.slope != nullptr ? BackwardSumsWith<true, T> : BackwardSumsWith<false, T>;
  backward_sums(channels, x, dy, sums);
}

template <class T>
BatchNormKernels<T> AllKernels() {
  return {Moments<T>, Forward<T>, BackwardSums<T>, Backward<T>};
}

}  // namespace

BatchNormKernels<float> FloatKernels() { return AllKernels<float>(); }
BatchNormKernels<BFloat16> BFloat16Kernels() { return AllKernels<BFloat16>(); }

}  // namespace partialfc::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace partialfc {

HWY_EXPORT(FloatKernels);
HWY_EXPORT(BFloat16Kernels);

namespace {
template <class T>
BatchNormKernels<T> kernels() {
  if constexpr (std::is_same_v<T, float>)
    return HWY_DYNAMIC_DISPATCH(FloatKernels)();
  else
    return HWY_DYNAMIC_DISPATCH(BFloat16Kernels)();
}
}  // namespace

template <class T>
void batch_norm_moments(MatrixView<const T> x, const float* pivot, double* sum, double* square_sum) {
  PFC_CHECK(x.stride == x.cols && x.cols > 0);
  kernels<T>().moments(x, pivot, sum, square_sum);
}

template <class T>
void batch_norm_forward(const BatchNormChannels& channels, MatrixView<const T> x, const T* residual, T* y) {
  PFC_CHECK(x.stride == x.cols && x.cols > 0);
  PFC_CHECK(channels.slope == nullptr || residual == nullptr, "PReLU and residual at once");
  kernels<T>().forward(channels, x, residual, y);
}

template <class T>
void batch_norm_backward_sums(const BatchNormChannels& channels, MatrixView<const T> x, const T* dy,
                              const BatchNormSums& sums) {
  PFC_CHECK(x.stride == x.cols && x.cols > 0);
  PFC_CHECK((channels.slope == nullptr) == (sums.slope == nullptr));
  kernels<T>().backward_sums(channels, x, dy, sums);
}

template <class T>
void batch_norm_backward(const BatchNormChannels& channels, const float* t_mean, const float* factor,
                         MatrixView<const T> x, const T* dy, T* dx) {
  PFC_CHECK(x.stride == x.cols && x.cols > 0);
  kernels<T>().backward(channels, t_mean, factor, x, dy, dx);
}

#define PFC_INSTANTIATE(T)                                                                        \
  template void batch_norm_moments(MatrixView<const T>, const float*, double*, double*);          \
  template void batch_norm_forward(const BatchNormChannels&, MatrixView<const T>, const T*, T*);  \
  template void batch_norm_backward_sums(const BatchNormChannels&, MatrixView<const T>, const T*, \
                                         const BatchNormSums&);                                   \
  template void batch_norm_backward(const BatchNormChannels&, const float*, const float*,         \
                                    MatrixView<const T>, const T*, T*);
PFC_INSTANTIATE(float)
PFC_INSTANTIATE(BFloat16)
#undef PFC_INSTANTIATE

}  // namespace partialfc
#endif  // HWY_ONCE
