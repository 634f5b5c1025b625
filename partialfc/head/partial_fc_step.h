// What one step of PartialFC keeps between its parts, and the arithmetic they share. Internal to head/.
#pragma once

#include <algorithm>
#include <vector>

#include "partialfc/base/reserved_memory.h"
#include "partialfc/head/partial_fc.h"
#include "partialfc/head/tile_arithmetic.h"
#include "partialfc/kernels/tile_gemm.h"

namespace partialfc {

struct PartialFC::Step {
  static constexpr int64_t kTile = TileArithmetic::kRows;  // active centers visited at once

  // The global batch: its N rows that take part, the same on every rank.
  Matrix<float> features;            // x̂ (N, D)
  std::vector<int64_t> labels;       // (N) class ids
  std::vector<int64_t> padded_rows;  // (N) row in the padded global batch
  bool finite = true;
  bool out_of_range = false;

  // The active classes of this rank, in the order of their slots.
  std::vector<int64_t> slots;       // (S)
  std::vector<int64_t> positions;   // (S)
  std::vector<std::byte*> records;  // (S) their rows, pinned from forward() to update()
  bool pinned = false;
  std::vector<float> inverse_norms;  // (S)
  std::vector<uint64_t> order, order_scratch;
  struct Target {
    int64_t column, sample;      // active class, row of features
    double cosine, coefficient;  // coefficient: (s/N)(p − 1)ψ'
  };
  std::vector<Target> targets;  // those whose class lives here, by rising column

  // Sums of the softmax.
  std::unique_ptr<TileArithmetic> arithmetic;
  int64_t number = 0;                    // of the step
  int64_t kept_tiles = 0;                // tiles whose values last until update()
  ReservedMemory values;                 // E, tile by tile
  std::vector<Matrix<float>> u;          // U (N, D) of each thread, rows of padded_stride(D)
  std::vector<std::vector<float>> sums;  // Z⁻ (N) of each thread, or maxima
  std::vector<float> reduced;            // message of collective 2: Z⁻ (N), z_y (N), flag
  std::vector<float> shifts;             // κ (N)

  std::vector<float> weights;       // (s/N) / (Z⁻_n + E_ny), (N)
  Matrix<float> weighted_features;  // weights_n · x̂_n (N, D)

  int64_t samples() const { return std::ssize(labels); }
  int64_t active() const { return std::ssize(slots); }
  int64_t tiles() const { return (active() + kTile - 1) / kTile; }
  Range columns(int64_t tile) const { return {tile * kTile, std::min((tile + 1) * kTile, active())}; }
  std::span<std::byte* const> records_of(Range columns) const {
    return std::span(records).subspan(columns.first, columns.size());
  }
  // Where a tile's values are: past kept_tiles, in a place that `thread` uses for one tile after the other.
  bool is_kept(int64_t tile) const { return tile < kept_tiles; }
  std::byte* kept(int64_t tile, int thread) const {
    const int64_t place = is_kept(tile) ? tile : kept_tiles + thread;
    return values.data() + place * kTile * arithmetic->kept_row_bytes();
  }
  std::span<Target> targets_of(Range columns) {
    const auto by_column = [](const Target& target, int64_t column) { return target.column < column; };
    const auto first = std::lower_bound(targets.begin(), targets.end(), columns.first, by_column);
    const auto last = std::lower_bound(first, targets.end(), columns.last, by_column);
    return {first, last};
  }
};

}  // namespace partialfc
