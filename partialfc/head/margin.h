// Margins on the target's cosine.
//
// z_ny = s · ψ(c_ny),  φ = m1·θ + m2,  θ = arccos c,  k = ⌊φ/π⌋:
//
//     ψ(c) = (−1)^k cos φ − 2k − m3          ψ'(c) = dψ/dc = m1 · |sin φ| / sin θ
//
// ψ falls monotonically with θ over the whole range. ArcFace: m2 = 0.5; CosFace: m3 = 0.4; SphereFace: m1 = 4 (Deng et
// al. 2019, Wang et al. 2018, Liu et al. 2017). Off the target z = s · c.
#pragma once

namespace partialfc {

struct MarginOptions {
  float scale = 64;  // s > 0
  float m1 = 1;      // multiplies the angle, > 0
  float m2 = 0;      // added to the angle, radians, >= 0
  float m3 = 0;      // taken from the cosine
  // ψ' = 1 in place of the derivative, as the PyTorch peer has it: for comparing runs.
  bool detached = false;
  // Inter-class filtering: a negative whose cosine is above it leaves the sum. 1 or more: none does.
  float filter_above = 1;

  // Throws UsageError that names the option and its range.
  void validate() const;
};

struct TargetLogit {
  double logit = 0;       // z = s · ψ(c)
  double derivative = 0;  // ψ'(c)
};

// cosine is clamped to ±(1 − 1e-7) first.
TargetLogit target_logit(const MarginOptions& options, double cosine);

}  // namespace partialfc
