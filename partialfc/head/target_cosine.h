// The cosine of a sample with its own class, with the margin: for the host and for kernels.
//
// φ = m1·θ + m2,  θ = arccos c,  k = ⌊φ/π⌋:
//
//     ψ(c) = (−1)^k cos φ − 2k − m3          ψ'(c) = dψ/dc = m1 · |sin φ| / sin θ
#pragma once

#include <cmath>
#include <numbers>

#include "partialfc/base/host_device.h"
#include "partialfc/kernels/softmax_tile.h"

namespace partialfc {

// What is trained with: each value decided. The values here are no margin at all.
struct Margin {
  float scale = 64;
  double m1 = 1, m2 = 0, m3 = 0;
  bool detached = false;
  float filter_above = 1;
};

// How it is for the others: cosines off the target.
inline SoftmaxOptions softmax_options(const Margin& margin) {
  SoftmaxOptions options{.scale = margin.scale};
  if (margin.filter_above < 1) options.filter_above = margin.filter_above;
  return options;
}

// Neither number holds the scale: z = s · value, dz/dc = s · derivative.
struct TargetCosine {
  double value = 0;       // ψ(c)
  double derivative = 0;  // ψ'(c)
};

// cosine is clamped to ±kMaxCosine first.
PFC_HOST_DEVICE inline TargetCosine with_margin(const Margin& margin, double cosine) {
  const double most = kMaxCosine;
  const double c = cosine < -most ? -most : cosine > most ? most : cosine;  // NaN stays NaN
  const double theta = acos(c);
  const double phi = margin.m1 * theta + margin.m2;
  const double k = floor(phi / std::numbers::pi);
  const double sign = fmod(k, 2) == 0 ? 1 : -1;
  const double value = sign * cos(phi) - 2 * k - margin.m3;
  const double derivative = margin.m1 * fabs(sin(phi)) / sin(theta);
  return {value, margin.detached ? 1.0 : derivative};
}

}  // namespace partialfc
