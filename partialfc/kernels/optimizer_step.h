// The optimizers' step, in place. Class centers take it row by row, the backbone over all its parameters at once.
//
//     SGD     m ← μ m + (g + λ w),                                    w ← w − η m
//     AdamW   m ← β1 m + (1 − β1) g,   v ← β2 v + (1 − β2) g²,
//             w ← w − η (m̂ / (√v̂ + ε) + λ w),                         m̂ = m/(1 − β1^t), v̂ = v/(1 − β2^t)
//
// (Loshchilov & Hutter 2019.)
#pragma once

#include <cstdint>

namespace partialfc {

struct OptimizerOptions {
  enum class Kind { kSgd, kAdamW };
  Kind kind = Kind::kSgd;
  float momentum = 0.9f;                                // μ (SGD)
  float weight_decay = 5e-4f;                           // λ
  float beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-8f;  // AdamW

  // Numbers kept for each weight besides itself: m, or m and v.
  int states() const { return kind == Kind::kSgd ? 1 : 2; }
  // Throws UsageError that names the option and its range.
  void validate() const;
};

// Gradient g, weights w, moments m and v (v null for SGD): (n) each. Step t >= 1.
void optimizer_step(const OptimizerOptions& options, double learning_rate, int64_t t, const float* g,
                    float* w, float* m, float* v, int64_t n);

namespace reference {
void optimizer_step(const OptimizerOptions& options, double learning_rate, int64_t t, const double* g,
                    double* w, double* m, double* v, int64_t n);
}  // namespace reference

}  // namespace partialfc
