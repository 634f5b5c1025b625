// The two visits of the active centers, tile by tile: the arithmetic of PartialFC.
#include <algorithm>
#include <limits>

#include "partialfc/head/partial_fc_step.h"
#include "partialfc/kernels/bfloat16_gemm.h"
#include "partialfc/kernels/center_rows.h"
#include "partialfc/kernels/softmax_tile.h"
#include "partialfc/kernels/vector_ops.h"

namespace partialfc {

namespace {

// No cosine: above every filter, so that exp_sum_columns() leaves it out.
constexpr float kFiltered = std::numeric_limits<float>::infinity();

SoftmaxOptions softmax_options(const Margin& margin) {
  SoftmaxOptions options{.scale = margin.scale};
  if (margin.filter_above < 1) options.filter_above = margin.filter_above;
  return options;
}

}  // namespace

// E of as many tiles as the budget holds, and one tile of each thread besides.
void PartialFC::make_room_for_values() {
  Step& step = *step_;
  const int64_t tile_bytes = Step::kTile * step.arithmetic->kept_row_bytes();
  step.kept_tiles = std::min(step.tiles(), options_.kept_bytes / tile_bytes);
  const auto bytes = static_cast<uint64_t>((step.kept_tiles + team_.size()) * tile_bytes);
  if (step.values.size() < bytes) step.values = ReservedMemory(bytes, ReservedMemory::Pages::kHuge);
}

// Adds E of a tile to `sums`, or (only_max) takes its largest logits off the target into them, part by part of the
// samples; use(part, values) sees each part of E/‖w‖ while it is in the cache.
template <class Use>
void PartialFC::visit_tile(int thread, int64_t tile, std::span<float> sums, bool only_max, RowPrefetch& next,
                           Use use) {
  Step& step = *step_;
  TileArithmetic& arithmetic = *step.arithmetic;
  const SoftmaxOptions softmax = softmax_options(margin_);
  const Range columns = step.columns(tile);
  const auto norms = std::span(step.inverse_norms).subspan(columns.first, columns.size());
  arithmetic.load(thread, step.records_of(columns), norms);
  for (int64_t first = 0; first < step.samples(); first += TileArithmetic::kSamples) {
    const Range part{first, std::min(first + TileArithmetic::kSamples, step.samples())};
    const auto values = arithmetic.values(thread, columns.size(), part, step.kept(tile, thread));
    arithmetic.products(thread, part, values, next);
    for (Step::Target& target : step.targets_of(columns)) {
      if (target.sample < part.first || target.sample >= part.last) continue;
      const int64_t j = target.column - columns.first;
      target.cosine = norms[j] * arithmetic.product(thread, j, step.features[target.sample]);
      values(j, target.sample - part.first) = kFiltered;
    }
    const auto part_sums = sums.subspan(part.first, part.size());
    if (only_max) {
      max_logit_columns(softmax, norms, values, part_sums);
    } else {
      exp_sum_columns(softmax, norms, std::span(step.shifts).subspan(part.first, part.size()), values,
                      part_sums);
      use(part, values);
    }
  }
}

// The first visit: E, Z⁻ and U of every tile, or (only_max) the largest logit off the target.
void PartialFC::visit_centers(bool only_max) {
  Step& step = *step_;
  TileArithmetic& arithmetic = *step.arithmetic;
  const int64_t samples = step.samples(), dim = options_.dim;
  step.inverse_norms.resize(step.active());
  team_.run([&](int thread) {
    std::vector<float>& sums = step.sums[thread];
    sums.assign(samples, only_max ? -std::numeric_limits<float>::infinity() : 0.0f);
    step.u[thread].resize(padded_to_tile(samples), padded_stride(dim));
    step.u[thread].fill(0);
    const MatrixView<float> u{step.u[thread].data(), samples, dim, padded_stride(dim)};
    const Range tiles = part_of(step.tiles(), team_.size(), thread);
    for (int64_t tile = tiles.first; tile < tiles.last; ++tile) {
      RowPrefetch next;
      if (tile + 1 < tiles.last)
        next = {step.records_of(step.columns(tile + 1)), dim * size_of(options_.precision),
                2 * arithmetic.prefetch_calls(step.columns(tile).size())};
      visit_tile(thread, tile, sums, only_max, next, [&](Range part, MatrixView<float> values) {
        arithmetic.add_to_u(thread, part, values, u, next);
        if (step.is_kept(tile)) arithmetic.keep(part, values, step.kept(tile, thread));
      });
      next.finish();
    }
  });

  for (int thread = 1; thread < team_.size(); ++thread) {
    for (int64_t n = 0; n < samples; ++n) {
      const float other = step.sums[thread][n];
      step.sums[0][n] = only_max ? std::max(step.sums[0][n], other) : step.sums[0][n] + other;
    }
    if (!only_max) add_scaled(1, step.u[thread].data(), step.u[0].data(), step.u[0].size());
  }
}

// The second visit: ∂ŵ = E · (weights · x̂) + the targets' terms, then each row's step.
void PartialFC::update(double learning_rate, double gradient_scale) {
  constexpr int64_t kGroup = 64;  // rows whose gradients are made before they step: still in the cache then
  Step& step = *step_;
  if (!step.pinned) return;
  step.pinned = false;
  if (!step.finite || step.samples() == 0) return store_->unpin(step.slots, false);
  TileArithmetic& arithmetic = *step.arithmetic;
  const int64_t dim = options_.dim, record_bytes = store_->layout().bytes();
  ++updates_;
  if (observer_ != nullptr) observer_->before_change(step.slots);
  const RowStep row_step{.optimizer = options_.optimizer,
                         .learning_rate = learning_rate,
                         .t = updates_,
                         .gradient_scale = static_cast<float>(gradient_scale)};
  const uint64_t rounding_key =
      mix(mix(options_.seed, static_cast<uint64_t>(Purpose::kRowRounding)), static_cast<uint64_t>(updates_));
  team_.run([&](int thread) {
    Matrix<float> gradients(kGroup, padded_stride(dim));
    std::vector<float> scratch(store_->layout().numbers());
    const Range tiles = part_of(step.tiles(), team_.size(), thread);
    const int64_t end = tiles.size() > 0 ? step.columns(tiles.last - 1).last : 0;
    for (int64_t tile = tiles.first; tile < tiles.last; ++tile) {
      const Range columns = step.columns(tile);
      if (!step.is_kept(tile)) {
        RowPrefetch none;
        visit_tile(thread, tile, step.sums[thread], false, none, [&](Range part, MatrixView<float> values) {
          arithmetic.keep(part, values, step.kept(tile, thread));
        });
      }
      for (int64_t first = columns.first; first < columns.last; first += kGroup) {
        const Range group{first, std::min(first + kGroup, columns.last)};
        const Range following{group.last, std::min(group.last + kGroup, end)};
        RowPrefetch next(step.records_of(following), record_bytes, arithmetic.prefetch_calls(group.size()));
        arithmetic.gradients(step.kept(tile, thread), {first - columns.first, group.last - columns.first},
                             {gradients.data(), group.size(), dim, padded_stride(dim)}, next);
        for (const Step::Target& target : step.targets_of(group))
          add_scaled(static_cast<float>(target.coefficient) * step.inverse_norms[target.column],
                     step.features[target.sample], gradients[target.column - first], dim);
        for (int64_t j = group.first; j < group.last; ++j) {
          float* gradient = gradients[j - first];
          if (j + 1 < group.last) prefetch_row(step.records[j + 1], record_bytes);
          if (options_.precision == Precision::kFloat32)
            step_row(row_step, step.inverse_norms[j], gradient, reinterpret_cast<float*>(step.records[j]),
                     dim);
          else
            step_row(row_step, step.inverse_norms[j], gradient, reinterpret_cast<BFloat16*>(step.records[j]),
                     dim, mix(rounding_key, static_cast<uint64_t>(step.positions[j])), scratch.data());
        }
        next.finish();
      }
    }
  });
  store_->unpin(step.slots, true);
}

}  // namespace partialfc
