// The two visits of the active centers, tile by tile: the arithmetic of PartialFC.
#include <limits>

#include "partialfc/head/partial_fc_step.h"
#include "partialfc/kernels/gemm.h"

namespace partialfc {

namespace {

constexpr float kFiltered = 4;  // no cosine: above every filter, so exp_sum() leaves it out

}  // namespace

// The first visit: E, Z⁻ and U of every tile, or (only_max) the largest logit off the target.
void PartialFC::visit_centers(std::span<const float> shifts, bool only_max) {
  Step& step = *step_;
  const int64_t samples = step.samples(), dim = options_.dim;
  step.inverse_norms.resize(step.active());
  step.exponentials.resize(samples * step.active());
  ExpSumOptions exp_options{.scale = options_.margin.scale};
  if (options_.margin.filter_above < 1) exp_options.filter_above = options_.margin.filter_above;

  team_.run([&](int thread) {
    std::vector<float>& sums = step.sums[thread];
    sums.assign(samples, only_max ? -std::numeric_limits<float>::infinity() : 0.0f);
    Matrix<float>& u = step.u[thread];
    u.resize(samples, dim);
    u.fill(0);
    Matrix<float> centers(Step::kTile, dim);
    const Range tiles = part_of(step.tiles(), team_.size(), thread);
    for (int64_t tile = tiles.first; tile < tiles.last; ++tile) {
      const Range columns = step.columns(tile);
      const auto w = centers.view().rows_from(0, columns.size());  // (T, D)
      store_->read(step.slots_of(columns), w);
      for (int64_t j = 0; j < columns.size(); ++j) {
        const float inverse = inverse_norm(w[j], dim);
        step.inverse_norms[columns.first + j] = inverse;
        scale(inverse, w[j], w[j], dim);
      }
      const auto e = step.tile_exponentials(columns);  // (N, T): cosines, then E
      gemm(Transpose::kNo, Transpose::kYes, 1, step.features.view(), w, 0, e);
      for (Step::Target& target : step.targets_of(columns)) {
        const int64_t j = target.column - columns.first;
        target.cosine = dot(step.features[target.sample], w[j], dim);
        e(target.sample, j) = kFiltered;
      }
      for (int64_t n = 0; n < samples; ++n) {
        ExpSumOptions row = exp_options;
        row.shift = shifts[n];
        if (only_max) {
          sums[n] = std::max(sums[n], max_logit(row, e[n], columns.size()));
        } else {
          sums[n] += exp_sum(row, e[n], columns.size());
        }
      }
      if (!only_max) gemm(Transpose::kNo, Transpose::kNo, 1, e, w, 1, u.view());
    }
  });

  for (int thread = 1; thread < team_.size(); ++thread) {
    for (int64_t n = 0; n < samples; ++n) {
      const float other = step.sums[thread][n];
      step.sums[0][n] = only_max ? std::max(step.sums[0][n], other) : step.sums[0][n] + other;
      if (!only_max) add_scaled(1, step.u[thread][n], step.u[0][n], dim);
    }
  }
}

// The second visit: ∂ŵ = Eᵀ · (weights · x̂) + the targets' terms, then each row's step.
void PartialFC::update(double learning_rate, double gradient_scale) {
  Step& step = *step_;
  if (!step.finite || step.samples() == 0) return;
  const int64_t dim = options_.dim, record_size = store_->layout().numbers();
  ++updates_;
  if (observer_ != nullptr) observer_->before_change(step.slots);
  team_.run([&](int thread) {
    Matrix<float> record_tile(Step::kTile, record_size), gradient_tile(Step::kTile, dim);
    std::vector<float> unit(dim);
    const Range tiles = part_of(step.tiles(), team_.size(), thread);
    for (int64_t tile = tiles.first; tile < tiles.last; ++tile) {
      const Range columns = step.columns(tile);
      const auto records = record_tile.view().rows_from(0, columns.size());
      const auto gradients = gradient_tile.view().rows_from(0, columns.size());
      store_->read(step.slots_of(columns), records);
      gemm(Transpose::kYes, Transpose::kNo, 1, step.tile_exponentials(columns), step.weighted_features.view(),
           0, gradients);
      for (const Step::Target& target : step.targets_of(columns))
        add_scaled(static_cast<float>(target.coefficient), step.features[target.sample],
                   gradients[target.column - columns.first], dim);
      for (int64_t j = 0; j < columns.size(); ++j) {
        const float inverse = step.inverse_norms[columns.first + j];
        scale(inverse, records[j], unit.data(), dim);
        through_normalization(unit.data(), inverse, gradients[j], dim);
        if (gradient_scale != 1) scale(static_cast<float>(gradient_scale), gradients[j], gradients[j], dim);
        float* w = records[j];
        optimizer_step(options_.optimizer, learning_rate, updates_, gradients[j], w, w + dim, w + 2 * dim,
                       dim);
      }
      store_->write(step.slots_of(columns), records);
    }
  });
}

}  // namespace partialfc
