#include "partialfc/kernels/optimizer_step.h"

#include <cmath>

#include "partialfc/base/error.h"

namespace partialfc {

void OptimizerOptions::validate() const {
  if (!(momentum >= 0 && momentum < 1)) fail_usage("momentum {}: must be in [0, 1)", momentum);
  if (!(weight_decay >= 0)) fail_usage("weight decay {}: must not be negative", weight_decay);
  if (!(beta1 >= 0 && beta1 < 1)) fail_usage("beta1 {}: must be in [0, 1)", beta1);
  if (!(beta2 >= 0 && beta2 < 1)) fail_usage("beta2 {}: must be in [0, 1)", beta2);
  if (!(epsilon > 0)) fail_usage("epsilon {}: must be positive", epsilon);
}

namespace {

void sgd_step(const OptimizerOptions& options, float learning_rate, const float* g, float* w, float* m,
              int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    m[i] = options.momentum * m[i] + (g[i] + options.weight_decay * w[i]);
    w[i] -= learning_rate * m[i];
  }
}

void adamw_step(const OptimizerOptions& options, float learning_rate, int64_t t, const float* g, float* w,
                float* m, float* v, int64_t n) {
  const auto steps = static_cast<double>(t);
  const auto m_correction = static_cast<float>(1 / (1 - std::pow(double{options.beta1}, steps)));
  const auto v_correction = static_cast<float>(1 / (1 - std::pow(double{options.beta2}, steps)));
  for (int64_t i = 0; i < n; ++i) {
    m[i] = options.beta1 * m[i] + (1 - options.beta1) * g[i];
    v[i] = options.beta2 * v[i] + (1 - options.beta2) * g[i] * g[i];
    const float direction = m[i] * m_correction / (std::sqrt(v[i] * v_correction) + options.epsilon);
    w[i] -= learning_rate * (direction + options.weight_decay * w[i]);
  }
}

}  // namespace

void optimizer_step(const OptimizerOptions& options, double learning_rate, int64_t t, const float* g,
                    float* w, float* m, float* v, int64_t n) {
  const auto rate = static_cast<float>(learning_rate);
  if (options.kind == OptimizerOptions::Kind::kSgd) {
    sgd_step(options, rate, g, w, m, n);
  } else {
    adamw_step(options, rate, t, g, w, m, v, n);
  }
}

namespace reference {

void optimizer_step(const OptimizerOptions& options, double learning_rate, int64_t t, const double* g,
                    double* w, double* m, double* v, int64_t n) {
  const auto steps = static_cast<double>(t);
  const double momentum = options.momentum, decay = options.weight_decay;
  const double beta1 = options.beta1, beta2 = options.beta2;
  for (int64_t i = 0; i < n; ++i) {
    if (options.kind == OptimizerOptions::Kind::kSgd) {
      m[i] = momentum * m[i] + g[i] + decay * w[i];
      w[i] -= learning_rate * m[i];
      continue;
    }
    m[i] = beta1 * m[i] + (1 - beta1) * g[i];
    v[i] = beta2 * v[i] + (1 - beta2) * g[i] * g[i];
    const double hat_m = m[i] / (1 - std::pow(beta1, steps)), hat_v = v[i] / (1 - std::pow(beta2, steps));
    w[i] -= learning_rate * (hat_m / (std::sqrt(hat_v) + options.epsilon) + decay * w[i]);
  }
}

}  // namespace reference

}  // namespace partialfc
