#include "partialfc/head/row_optimizer.h"

#include <cmath>

#include "partialfc/base/error.h"

namespace partialfc {

void RowOptimizerOptions::validate() const {
  if (!(momentum >= 0 && momentum < 1)) fail_usage("momentum {}: must be in [0, 1)", momentum);
  if (!(weight_decay >= 0)) fail_usage("weight decay {}: must not be negative", weight_decay);
  if (!(beta1 >= 0 && beta1 < 1)) fail_usage("beta1 {}: must be in [0, 1)", beta1);
  if (!(beta2 >= 0 && beta2 < 1)) fail_usage("beta2 {}: must be in [0, 1)", beta2);
  if (!(epsilon > 0)) fail_usage("epsilon {}: must be positive", epsilon);
}

namespace {

void sgd_step(const RowOptimizerOptions& options, float learning_rate, const float* g, float* w, int64_t dim) {
  float* m = w + dim;
  for (int64_t d = 0; d < dim; ++d) {
    m[d] = options.momentum * m[d] + (g[d] + options.weight_decay * w[d]);
    w[d] -= learning_rate * m[d];
  }
}

void adamw_step(const RowOptimizerOptions& options, float learning_rate, int64_t step, const float* g,
                float* w, int64_t dim) {
  float *m = w + dim, *v = w + 2 * dim;
  const double t = static_cast<double>(step);
  const float m_correction = static_cast<float>(1 / (1 - std::pow(double{options.beta1}, t)));
  const float v_correction = static_cast<float>(1 / (1 - std::pow(double{options.beta2}, t)));
  for (int64_t d = 0; d < dim; ++d) {
    m[d] = options.beta1 * m[d] + (1 - options.beta1) * g[d];
    v[d] = options.beta2 * v[d] + (1 - options.beta2) * g[d] * g[d];
    const float direction = m[d] * m_correction / (std::sqrt(v[d] * v_correction) + options.epsilon);
    w[d] -= learning_rate * (direction + options.weight_decay * w[d]);
  }
}

}  // namespace

void apply_row_step(const RowOptimizerOptions& options, double learning_rate, int64_t step,
                    const float* gradient, float* record, int64_t dim) {
  const auto rate = static_cast<float>(learning_rate);
  if (options.kind == RowOptimizerOptions::Kind::kSgd) {
    sgd_step(options, rate, gradient, record, dim);
  } else {
    adamw_step(options, rate, step, gradient, record, dim);
  }
}

}  // namespace partialfc
