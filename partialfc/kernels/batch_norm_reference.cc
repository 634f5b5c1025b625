#include "partialfc/kernels/batch_norm.h"

namespace partialfc::reference {

namespace {

double pre_activation(const BatchNormChannels& channels, double x, int64_t c) {
  return channels.scale[c] * (x - channels.mean[c]) + channels.bias[c];
}

// t = ∂L/∂pre
double gradient_before_prelu(const BatchNormChannels& channels, double x, double dy, int64_t c) {
  if (channels.slope == nullptr || pre_activation(channels, x, c) > 0) return dy;
  return dy * channels.slope[c];
}

}  // namespace

template <class T>
void batch_norm_moments(MatrixView<const T> x, const float* pivot, double* sum, double* square_sum) {
  for (int64_t row = 0; row < x.rows; ++row)
    for (int64_t c = 0; c < x.cols; ++c) {
      const double shifted = double{to_float(x(row, c))} - pivot[c];
      sum[c] += shifted;
      square_sum[c] += shifted * shifted;
    }
}

template <class T>
void batch_norm_forward(const BatchNormChannels& channels, MatrixView<const T> x, const T* residual,
                        double* y) {
  for (int64_t row = 0; row < x.rows; ++row)
    for (int64_t c = 0; c < x.cols; ++c) {
      const int64_t i = row * x.cols + c;
      const double pre = pre_activation(channels, to_float(x(row, c)), c);
      y[i] = pre > 0 || channels.slope == nullptr ? pre : channels.slope[c] * pre;
      if (residual != nullptr) y[i] += to_float(residual[i]);
    }
}

template <class T>
void batch_norm_backward_sums(const BatchNormChannels& channels, MatrixView<const T> x, const T* dy,
                              const BatchNormSums& sums) {
  for (int64_t row = 0; row < x.rows; ++row)
    for (int64_t c = 0; c < x.cols; ++c) {
      const double value = to_float(x(row, c)), gradient = to_float(dy[row * x.cols + c]);
      const double t = gradient_before_prelu(channels, value, gradient, c);
      sums.t[c] += t;
      sums.t_x[c] += t * (value - channels.mean[c]);
      const double pre = pre_activation(channels, value, c);
      if (channels.slope != nullptr && pre <= 0) sums.slope[c] += gradient * pre;
    }
}

template <class T>
void batch_norm_backward(const BatchNormChannels& channels, const float* t_mean, const float* factor,
                         MatrixView<const T> x, const T* dy, double* dx) {
  for (int64_t row = 0; row < x.rows; ++row)
    for (int64_t c = 0; c < x.cols; ++c) {
      const int64_t i = row * x.cols + c;
      const double value = to_float(x(row, c));
      const double t = gradient_before_prelu(channels, value, to_float(dy[i]), c);
      dx[i] = channels.scale[c] * (t - t_mean[c] - factor[c] * (value - channels.mean[c]));
    }
}

#define PFC_INSTANTIATE(T)                                                                            \
  template void batch_norm_moments(MatrixView<const T>, const float*, double*, double*);              \
  template void batch_norm_forward(const BatchNormChannels&, MatrixView<const T>, const T*, double*); \
  template void batch_norm_backward_sums(const BatchNormChannels&, MatrixView<const T>, const T*,     \
                                         const BatchNormSums&);                                       \
  template void batch_norm_backward(const BatchNormChannels&, const float*, const float*,             \
                                    MatrixView<const T>, const T*, double*);
PFC_INSTANTIATE(float)
PFC_INSTANTIATE(BFloat16)
#undef PFC_INSTANTIATE

}  // namespace partialfc::reference
