// The matrix products of the two visits on a CPU, on one tile of centers that lies in the cache. Internal to head/, and to
// plan/, which counts its bytes.
//
// One object a batch, one implementation a precision. A tile is T active classes; N samples, D dimensions. "values" are
// first the products w_j · x̂_n, then E_jn/‖w_j‖: so 1/‖w‖ never has to be applied to whole rows.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "partialfc/base/matrix.h"
#include "partialfc/base/parallel.h"
#include "partialfc/base/precision.h"
#include "partialfc/kernels/bfloat16_gemm.h"
#include "partialfc/kernels/prefetch.h"
#include "partialfc/kernels/tile_gemm.h"

namespace partialfc {

// The tile that a thread has loaded, and the values of the samples that products() was called for last.
class CenterTile {
 public:
  virtual ~CenterTile() = default;

  // Makes values (T, samples.size()) ← w · x̂ᵀ, which the caller then turns into E/‖w‖ in place.
  virtual MatrixView<float> products(Range samples, RowPrefetch& next) = 0;
  // w · x̂ of class `index` of the tile and one sample in float32, whatever the precision. unit_feature: (D).
  virtual float product(int64_t index, const float* unit_feature) const = 0;
  // u ← u + valuesᵀ · w, u: (N, D), of which the rows of these samples are met. padded_to_tile(N) rows of padded_stride(D).
  virtual void add_to_u(MatrixView<float> u, RowPrefetch& next) = 0;
  // Keeps the values for gradients(), in the tile's place.
  virtual void keep() = 0;
};

class TileArithmetic {
 public:
  static constexpr int64_t kClasses = 256;  // T at most
  // N is worked through in parts of so many: a tile and what it is multiplied with stay in the L2 cache.
  static constexpr int64_t kSamples = 64;

  virtual ~TileArithmetic() = default;

  // x̂ (N, D), for the tiles of this batch.
  virtual void set_features(MatrixView<const float> unit_features, ThreadTeam& team) = 0;
  // weights (N): gradients() is to be of weights_n · x̂_n.
  virtual void set_weighted_features(MatrixView<const float> unit_features, std::span<const float> weights,
                                     ThreadTeam& team) = 0;

  // Takes in the centers of these records (T); inverse_norms (T) ← 1/max(‖w‖, ε). place: of the tile's values,
  // padded_to_tile(T) · kept_row_bytes() bytes. What is returned lasts until this thread loads the next.
  virtual CenterTile& load(int thread, std::span<std::byte* const> records, std::span<float> inverse_norms,
                           std::byte* place) = 0;

  // Bytes of a class's values in a tile's place.
  virtual int64_t kept_row_bytes() const = 0;
  // gradients (classes.size(), D) ← values · (weights · x̂), for classes of the tile that was kept in `place`, the first a
  // multiple of 32. gradients has padded_to_tile(classes.size()) rows of padded_stride(D).
  virtual void gradients(const std::byte* place, Range classes, MatrixView<float> gradients,
                         RowPrefetch& next) = 0;

  // How often a product of `classes` classes with all samples advances `next`, about.
  virtual int64_t prefetch_calls(int64_t classes) const = 0;
};

// Bytes in which the values of a class and N samples are kept: a padded row.
constexpr int64_t kept_row_bytes(Precision precision, int64_t samples) {
  if (precision == Precision::kFloat32) return padded_stride(samples) * int64_t{sizeof(float)};
  return (padded_to_tile(samples) + kBFloat16Tile) * int64_t{sizeof(BFloat16)};
}

std::unique_ptr<TileArithmetic> make_float32_tiles(int64_t dim, int threads);
// Throws UsageError where the CPU has no bfloat16 arithmetic.
std::unique_ptr<TileArithmetic> make_bfloat16_tiles(int64_t dim, int threads);

}  // namespace partialfc
