// The step of one class center, in place in its record. Only rows of the active set are stepped: the others neither
// decay nor move.
//
//     SGD     record [w | m]:      m ← μ m + (g + λ w),                 w ← w − η m
//     AdamW   record [w | m | v]:  m ← β1 m + (1 − β1) g,  v ← β2 v + (1 − β2) g²,
//                                  w ← w − η (m̂ / (√v̂ + ε) + λ w),      m̂ = m/(1 − β1^t), v̂ = v/(1 − β2^t)
//
// t counts the head's steps, not the row's (Loshchilov & Hutter 2019; PyTorch's SparseAdam counts likewise).
#pragma once

#include <cstdint>
#include <string>

namespace partialfc {

struct RowOptimizerOptions {
  enum class Kind { kSgd, kAdamW };
  Kind kind = Kind::kSgd;
  float momentum = 0.9f;       // μ (SGD)
  float weight_decay = 5e-4f;  // λ
  float beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-8f;   // AdamW

  // float32 of a record, for centers of `dim`.
  int64_t record_size(int64_t dim) const { return dim * (kind == Kind::kSgd ? 2 : 3); }
  void validate() const;
};

// record: (record_size(dim)); gradient g: (dim); step t >= 1.
void apply_row_step(const RowOptimizerOptions& options, double learning_rate, int64_t step,
                    const float* gradient, float* record, int64_t dim);

}  // namespace partialfc
