// The optimizer's step of one number in a kernel: optimizer_step.h has the formula. Included by *.cu alone.
#pragma once

#include "partialfc/device/launch.h"
#include "partialfc/kernels/optimizer_step.h"

namespace partialfc {

// What is the same for all numbers of a step.
struct NumberStep {
  OptimizerOptions optimizer;
  float learning_rate = 0;
  float m_correction = 1, v_correction = 1;  // 1/(1 − β^t)
};

template <bool kAdamW>
__device__ inline void step_number(const NumberStep& s, float g, float& w, float& m, float& v) {
  const OptimizerOptions& o = s.optimizer;
  if constexpr (kAdamW) {
    m = o.beta1 * m + (1 - o.beta1) * g;
    v = o.beta2 * v + (1 - o.beta2) * g * g;
    const float direction = m * s.m_correction / (sqrtf(v * s.v_correction) + o.epsilon);
    w -= s.learning_rate * (direction + o.weight_decay * w);
  } else {
    m = o.momentum * m + (g + o.weight_decay * w);
    w -= s.learning_rate * m;
  }
}

}  // namespace partialfc
