// The layer in float64, on one rank, sample by sample and class by class: slow, and plainly the formulas of
// docs/design.md. The root of trust of the tests; its gradients are checked by numerical differentiation.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "partialfc/base/matrix.h"
#include "partialfc/head/margin.h"

namespace partialfc::reference {

struct HeadResult {
  double loss = 0;    // mean over samples whose label is not −1
  Matrix<double> dx;  // (N, D), zero where the label is −1
  Matrix<double> dw;  // (S, D), without weight decay
};

// x (N, D): features; y (N): column of the label among the active centers, or −1; w (S, D): the active centers.
HeadResult margin_softmax(const Margin& margin, const Matrix<double>& x, std::span<const int64_t> y,
                          const Matrix<double>& w);

}  // namespace partialfc::reference
