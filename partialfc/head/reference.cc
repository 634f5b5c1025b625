#include "partialfc/head/reference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "partialfc/kernels/softmax_tile.h"

namespace partialfc::reference {

namespace {

constexpr double kEpsilon = 1e-12;

double norm_of(const double* v, int64_t dim) {
  double sum = 0;
  for (int64_t d = 0; d < dim; ++d) sum += v[d] * v[d];
  return std::sqrt(sum);
}

Matrix<double> normalized_rows(const Matrix<double>& m) {
  Matrix<double> out(m.rows(), m.cols());
  for (int64_t i = 0; i < m.rows(); ++i) {
    const double norm = std::max(norm_of(m[i], m.cols()), kEpsilon);
    for (int64_t d = 0; d < m.cols(); ++d) out(i, d) = m(i, d) / norm;
  }
  return out;
}

// Gradient by v of v/max(‖v‖, ε), from the gradient by the normalised vector `unit`, in place.
void through_normalization(const double* v, const double* unit, double* gradient, int64_t dim) {
  const double norm = norm_of(v, dim);
  double along = 0;
  for (int64_t d = 0; d < dim; ++d) along += gradient[d] * unit[d];
  if (norm < kEpsilon) along = 0;  // there v/ε is linear
  for (int64_t d = 0; d < dim; ++d) gradient[d] = (gradient[d] - along * unit[d]) / std::max(norm, kEpsilon);
}

// ψ(c) and ψ'(c), written anew.
TargetCosine on_target(const Margin& margin, double c) {
  const double theta = std::acos(c), phi = margin.m1 * theta + margin.m2;
  const auto k = static_cast<int64_t>(std::floor(phi / std::numbers::pi));
  const double psi = (k % 2 == 0 ? 1 : -1) * std::cos(phi) - 2.0 * k - margin.m3;
  return {psi, margin.detached ? 1.0 : margin.m1 * std::abs(std::sin(phi)) / std::sin(theta)};
}

}  // namespace

HeadResult margin_softmax(const Margin& margin, const Matrix<double>& x, std::span<const int64_t> y,
                          const Matrix<double>& w) {
  const int64_t rows = x.rows(), dim = x.cols(), active = w.rows();
  const Matrix<double> x_unit = normalized_rows(x), w_unit = normalized_rows(w);
  const auto samples = std::count_if(y.begin(), y.end(), [](int64_t label) { return label >= 0; });
  HeadResult result{0, Matrix<double>(rows, dim), Matrix<double>(active, dim)};

  for (int64_t n = 0; n < rows; ++n) {
    if (y[n] < 0) continue;
    std::vector<double> z(active), derivative(active, 1.0);
    for (int64_t j = 0; j < active; ++j) {
      double c = 0;
      for (int64_t d = 0; d < dim; ++d) c += x_unit(n, d) * w_unit(j, d);
      const bool filtered = c > margin.filter_above && margin.filter_above < 1;
      c = std::clamp(c, -kMaxCosine, kMaxCosine);
      if (j == y[n]) {
        const TargetCosine target = on_target(margin, c);
        z[j] = margin.scale * target.value, derivative[j] = target.derivative;
      } else {
        z[j] = filtered ? -std::numeric_limits<double>::infinity() : margin.scale * c;
      }
    }
    // loss = log(1 + Σ_{j ≠ y} exp(z_j − z_y)); p_j = exp(z_j) / Σ exp
    double negatives_over_target = 0;
    for (int64_t j = 0; j < active; ++j)
      if (j != y[n]) negatives_over_target += std::exp(z[j] - z[y[n]]);
    result.loss += std::log1p(negatives_over_target) / samples;
    for (int64_t j = 0; j < active; ++j) {
      const double ratio = std::exp(z[j] - z[y[n]]) / (1 + negatives_over_target);
      const double p_minus_one_hot = j == y[n] ? -negatives_over_target / (1 + negatives_over_target) : ratio;
      const double dc = margin.scale / samples * p_minus_one_hot * derivative[j];
      for (int64_t d = 0; d < dim; ++d) {
        result.dx(n, d) += dc * w_unit(j, d);
        result.dw(j, d) += dc * x_unit(n, d);
      }
    }
  }
  for (int64_t n = 0; n < rows; ++n) through_normalization(x[n], x_unit[n], result.dx[n], dim);
  for (int64_t j = 0; j < active; ++j) through_normalization(w[j], w_unit[j], result.dw[j], dim);
  return result;
}

}  // namespace partialfc::reference
