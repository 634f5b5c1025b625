#include "partialfc/head/margin.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "partialfc/base/error.h"

namespace partialfc {

namespace {
constexpr double kMaxCosine = 1 - 1e-7;  // arccos and its derivative stay finite
}  // namespace

void MarginOptions::validate() const {
  if (!(scale > 0 && std::isfinite(scale))) fail_usage("margin scale s = {}: must be positive", scale);
  if (!(m1 > 0 && m1 <= 16)) fail_usage("margin m1 = {}: must be in (0, 16]", m1);
  if (!(m2 >= 0 && m2 <= std::numbers::pi_v<float>)) fail_usage("margin m2 = {}: must be in [0, pi]", m2);
  if (!(m3 >= -1 && m3 <= 1)) fail_usage("margin m3 = {}: must be in [-1, 1]", m3);
  if (!(filter_above >= -1)) fail_usage("margin filter_above = {}: must be at least -1", filter_above);
}

TargetLogit target_logit(const MarginOptions& options, double cosine) {
  const double c = std::clamp(cosine, -kMaxCosine, kMaxCosine);
  const double theta = std::acos(c);
  const double phi = options.m1 * theta + options.m2;
  const double k = std::floor(phi / std::numbers::pi);
  const double sign = std::fmod(k, 2) == 0 ? 1 : -1;
  const double psi = sign * std::cos(phi) - 2 * k - options.m3;
  const double derivative = options.m1 * std::abs(std::sin(phi)) / std::sin(theta);
  return {options.scale * psi, options.detached ? 1.0 : derivative};
}

}  // namespace partialfc
