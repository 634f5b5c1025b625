// What a forward half leaves for the update on a CPU, and the visit of one tile. Internal to head/.
#pragma once

#include <algorithm>
#include <limits>
#include <memory>
#include <vector>

#include "partialfc/base/reserved_memory.h"
#include "partialfc/head/active_classes.h"
#include "partialfc/head/margin.h"
#include "partialfc/head/tile_arithmetic.h"
#include "partialfc/head/tile_split.h"
#include "partialfc/kernels/softmax_tile.h"

namespace partialfc {

struct CpuForward {
  // The global batch: its N rows that take part, the same on every rank.
  Matrix<float> features;       // x̂ (N, D)
  std::vector<int64_t> labels;  // (N) class ids
  std::vector<int64_t> rows;    // (N) row in the padded global batch, rising
  bool features_finite = true;

  // The active classes of this rank.
  ActiveClasses active;
  std::vector<std::byte*> records;  // (S) their rows, pinned from activate() to the update
  bool pinned = false;
  std::vector<float> inverse_norms;  // (S)
  TileSplit split;

  std::unique_ptr<TileArithmetic> arithmetic;
  std::vector<float> shifts;   // κ (N)
  std::vector<float> weights;  // (s/N)/(Z⁻_n + E_ny), (N)

  // E of the first `kept_tiles` tiles of each thread, and a place that the thread uses for the others in turn.
  ReservedMemory values;
  int64_t kept_tiles = 0;

  int64_t samples() const { return std::ssize(labels); }
  std::span<std::byte* const> records_of(Range classes) const {
    return std::span(records).subspan(classes.first, classes.size());
  }
  std::span<float> norms_of(Range classes) {
    return std::span(inverse_norms).subspan(classes.first, classes.size());
  }

  int64_t place_bytes() const { return TileArithmetic::kClasses * arithmetic->kept_row_bytes(); }
  bool is_kept(int64_t tile) const { return tile < kept_tiles; }
  std::byte* place(int thread, int64_t tile) const {
    return values.data() + (thread * (kept_tiles + 1) + std::min(tile, kept_tiles)) * place_bytes();
  }
  // Makes places for as many tiles as `budget` bytes hold, the same number for each thread.
  void make_places(int64_t budget, int threads);
};

// Visits of a tile: its values, part by part of the samples.
struct TileVisit {
  enum class Seek { kSums, kMaxima };  // Z⁻, or the largest logits off the target

  // Above every filter: the target is no negative.
  static constexpr float kNoCosine = std::numeric_limits<float>::infinity();

  SoftmaxOptions softmax;
  Seek seek = Seek::kSums;

  // Adds E of the tile to `sums` (N), or takes its largest logits into them; use(tile) meets each part of E/‖w‖ while it is
  // in the cache. Sets the norms of the tile's classes, and the cosines of their targets.
  template <class Use>
  void operator()(CpuForward& forward, int thread, int64_t tile, std::span<float> sums, RowPrefetch& next,
                  Use use) const;
};

template <class Use>
void TileVisit::operator()(CpuForward& forward, int thread, int64_t tile_index, std::span<float> sums,
                           RowPrefetch& next, Use use) const {
  const Range classes = forward.split.tile(thread, tile_index);
  const auto norms = forward.norms_of(classes);
  CenterTile& tile =
      forward.arithmetic->load(thread, forward.records_of(classes), norms, forward.place(thread, tile_index));
  for (int64_t first = 0; first < forward.samples(); first += TileArithmetic::kSamples) {
    const Range part{first, std::min(first + TileArithmetic::kSamples, forward.samples())};
    const MatrixView<float> values = tile.products(part, next);
    for (Target& target : forward.active.targets_of(classes)) {
      if (target.sample < part.first || target.sample >= part.last) continue;
      const int64_t j = target.active - classes.first;
      target.cosine = norms[j] * tile.product(j, forward.features[target.sample]);
      values(j, target.sample - part.first) = kNoCosine;
    }
    const auto part_sums = sums.subspan(part.first, part.size());
    if (seek == Seek::kMaxima) {
      max_logit_columns(softmax, norms, values, part_sums);
    } else {
      exp_sum_columns(softmax, norms, std::span(forward.shifts).subspan(part.first, part.size()), values,
                      part_sums);
      use(tile);
    }
  }
}

}  // namespace partialfc
