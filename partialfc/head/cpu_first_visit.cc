// The first visit: from the active rows to Z⁻, U and the loss.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "partialfc/head/cpu_visits.h"
#include "partialfc/head/softmax_sums.h"
#include "partialfc/kernels/vector_ops.h"

namespace partialfc {

// Visits every tile; what the threads have found is then added up in sums_[0] and u_[0].
void CpuVisits::visit_centers(TileVisit::Seek seek) {
  CpuForward& forward = *forward_;
  TileArithmetic& arithmetic = *forward.arithmetic;
  const TileVisit visit{softmax_options(margin_), seek};
  const int64_t samples = forward.samples(), dim = options_.dim;
  team_.run([&](int thread) {
    std::vector<float>& sums = sums_[thread];
    sums.assign(samples, seek == TileVisit::Seek::kSums ? 0.0f : -std::numeric_limits<float>::infinity());
    u_[thread].resize(padded_to_tile(samples), padded_stride(dim));
    u_[thread].fill(0);
    const MatrixView<float> u{u_[thread].data(), samples, dim, padded_stride(dim)};
    const int64_t tiles = forward.split.tiles_of(thread);
    for (int64_t tile = 0; tile < tiles; ++tile) {
      RowPrefetch next;
      if (tile + 1 < tiles)
        next = {forward.records_of(forward.split.tile(thread, tile + 1)), dim * size_of(options_.precision),
                2 * arithmetic.prefetch_calls(forward.split.tile(thread, tile).size())};
      visit(forward, thread, tile, sums, next, [&](CenterTile& loaded) {
        loaded.add_to_u(u, next);
        if (forward.is_kept(tile)) loaded.keep();
      });
      next.finish();
    }
    const auto norms = forward.norms_of(forward.split.classes_of(thread));
    finite_[thread] = all_finite(norms.data(), std::ssize(norms));
  });
  add_up_threads(seek);
}

void CpuVisits::add_up_threads(TileVisit::Seek seek) {
  team_.for_each_part(0, forward_->samples(), [&](int part, int64_t begin, int64_t end) {
    for (int thread = 1; thread < team_.size(); ++thread)
      for (int64_t n = begin; n < end; ++n) {
        float& sum = sums_[0][n];
        if (seek == TileVisit::Seek::kMaxima) {
          sum = std::max(sum, sums_[thread][n]);
        } else {
          sum += sums_[thread][n];
          add_scaled(1, u_[thread][n], u_[0][n], options_.dim);
        }
      }
    if (seek == TileVisit::Seek::kMaxima) return;
    for (int64_t n = begin; n < end; ++n)
      if (std::isfinite(sums_[0][n])) finite_[part] = finite_[part] && all_finite(u_[0][n], options_.dim);
  });
}

bool CpuVisits::all_is_finite(std::span<const float> target_logits) const {
  return forward_->features_finite && std::ranges::all_of(finite_, std::identity()) &&
         all_finite(target_logits.data(), std::ssize(target_logits));
}

Message CpuVisits::first_visit() {
  const int64_t samples = forward_->samples();
  forward_->shifts.assign(samples, fixed_shift(margin_.scale));
  visit_centers(TileVisit::Seek::kSums);
  message_.assign(2 * samples + 1, 0.0f);
  std::ranges::copy(sums_[0], message_.begin());
  for (const Target& target : forward_->active.targets)
    message_[samples + target.sample] =
        static_cast<float>(margin_.scale * with_margin(margin_, target.cosine).value);
  message_.back() = all_is_finite(std::span(message_).subspan(samples, samples)) ? 0.0f : 1.0f;
  reduced_ = message_;
  return {.host = message_};
}

Message CpuVisits::largest_logits() {
  visit_centers(TileVisit::Seek::kMaxima);
  forward_->shifts = sums_[0];
  return {.host = forward_->shifts};
}

Message CpuVisits::first_visit_shifted() {
  for (float& shift : forward_->shifts)
    if (std::isinf(shift)) shift = 0;  // no negative at all: nothing will be summed
  visit_centers(TileVisit::Seek::kSums);
  shifted_message_ = sums_[0];
  shifted_message_.push_back(all_is_finite({}) ? 0.0f : 1.0f);
  reduced_ = shifted_message_;
  return {.host = shifted_message_};
}

Visits::ReducedSums CpuVisits::read_sums() {
  return {.negatives = reduced_.first(forward_->samples()),
          .finite = reduced_.back() == 0,
          .samples = forward_->samples(),
          .active = forward_->active.size()};
}

double CpuVisits::finish_softmax() {
  CpuForward& forward = *forward_;
  const int64_t samples = forward.samples();
  forward.weights.resize(samples);
  residuals_.resize(samples);
  const SoftmaxSums sums{reduced_.first(samples), std::span(message_).subspan(samples, samples),
                         forward.shifts};
  const double loss = partialfc::finish_softmax(margin_.scale, sums, forward.weights, residuals_);
  for (Target& target : forward.active.targets)
    target.coefficient = residuals_[target.sample] * with_margin(margin_, target.cosine).derivative;
  forward.arithmetic->set_weighted_features(forward.features.view(), forward.weights, team_);
  return loss;
}

}  // namespace partialfc
