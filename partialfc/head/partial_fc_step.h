// What one step of PartialFC keeps between its parts, and the arithmetic they share. Internal to head/.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "partialfc/head/partial_fc.h"
#include "partialfc/kernels/vector_ops.h"

namespace partialfc {

constexpr float kNormEpsilon = 1e-12f;  // ε of the normalisations

// 1/max(‖v‖, ε), v: (dim).
inline float inverse_norm(const float* v, int64_t dim) {
  return 1 / std::max(std::sqrt(dot(v, v, dim)), kNormEpsilon);
}

// Gradient by v of v̂ = v/max(‖v‖, ε) from the gradient by v̂, in place; below ε the map is linear.
inline void through_normalization(const float* unit, float inverse, float* gradient, int64_t dim) {
  if (inverse < 1 / kNormEpsilon) add_scaled(-dot(gradient, unit, dim), unit, gradient, dim);
  scale(inverse, gradient, gradient, dim);
}

struct PartialFC::Step {
  static constexpr int64_t kTile = 256;  // active centers visited at once: their rows stay in the L2 cache

  // The global batch: its N rows that take part, the same on every rank.
  Matrix<float> features;            // x̂ (N, D)
  std::vector<int64_t> labels;       // (N) class ids
  std::vector<int64_t> padded_rows;  // (N) row in the padded global batch
  bool finite = true;
  bool out_of_range = false;

  // The active classes of this rank, in the order of their slots.
  std::vector<int64_t> slots;        // (S)
  std::vector<float> inverse_norms;  // (S)
  struct Target {
    int64_t column, sample;      // active class, row of features
    double cosine, coefficient;  // coefficient: (s/N)(p − 1)ψ'
  };
  std::vector<Target> targets;  // those whose class lives here, by rising column

  // Sums of the softmax. E is kept tile by tile: tile t is (N, columns of t) at N · t · kTile.
  std::vector<float> exponentials;       // E
  std::vector<Matrix<float>> u;          // U (N, D) of each thread
  std::vector<std::vector<float>> sums;  // Z⁻ (N) of each thread, or maxima
  std::vector<float> reduced;            // message of collective 2: Z⁻ (N), z_y (N), flag
  std::vector<float> shifts;             // κ (N)

  std::vector<float> weights;       // (s/N) / (Z⁻_n + E_ny), (N)
  Matrix<float> weighted_features;  // weights_n · x̂_n (N, D)

  int64_t samples() const { return std::ssize(labels); }
  int64_t active() const { return std::ssize(slots); }
  int64_t tiles() const { return (active() + kTile - 1) / kTile; }
  Range columns(int64_t tile) const { return {tile * kTile, std::min((tile + 1) * kTile, active())}; }
  std::span<const int64_t> slots_of(Range columns) const {
    return std::span(slots).subspan(columns.first, columns.size());
  }
  MatrixView<float> tile_exponentials(Range columns) {
    return {exponentials.data() + samples() * columns.first, samples(), columns.size()};
  }
  std::span<Target> targets_of(Range columns) {
    const auto by_column = [](const Target& target, int64_t column) { return target.column < column; };
    const auto first = std::lower_bound(targets.begin(), targets.end(), columns.first, by_column);
    const auto last = std::lower_bound(first, targets.end(), columns.last, by_column);
    return {first, last};
  }
};

}  // namespace partialfc
