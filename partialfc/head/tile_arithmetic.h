// The matrix products of the two visits, on one tile of centers that lies in the cache. Internal to head/, and to
// plan/, which counts its bytes.
//
// One object a rank, one implementation a precision. The rows of a tile are T classes; N samples, D dimensions.
// "values" are first the products w_j · x̂_n, then E_jn/‖w_j‖: so 1/‖w‖ never has to be applied to whole rows.
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

class TileArithmetic {
 public:
  static constexpr int64_t kRows = 256;  // T at most
  // N is worked through in parts of so many: a tile and what it is multiplied with stay in the L2 cache.
  static constexpr int64_t kSamples = 64;

  virtual ~TileArithmetic() = default;

  // x̂ (N, D), for products() of this step.
  virtual void set_features(MatrixView<const float> unit_features) = 0;
  // weights_n · x̂_n (N, D), for gradients() of this step.
  virtual void set_weighted_features(MatrixView<const float> weighted) = 0;

  // Takes in the centers of these records; inverse_norms (T) ← 1/max(‖w‖, ε).
  virtual void load(int thread, std::span<std::byte* const> records, std::span<float> inverse_norms) = 0;
  // Where the values of a tile and these samples go: (T, samples.size()). `kept` is that tile's place for keep().
  virtual MatrixView<float> values(int thread, int64_t rows, Range samples, std::byte* kept) = 0;
  // values ← w · x̂ᵀ of these samples
  virtual void products(int thread, Range samples, MatrixView<float> values, RowPrefetch& next) = 0;
  // w · x̂ of row `row` and one sample in float32, whatever the precision. unit_feature: (D).
  virtual float product(int thread, int64_t row, const float* unit_feature) const = 0;
  // u (N, D) ← u + valuesᵀ · w, for the rows of these samples. u has padded_to_tile(N) rows of padded_stride(D).
  virtual void add_to_u(int thread, Range samples, MatrixView<const float> values, MatrixView<float> u,
                        RowPrefetch& next) = 0;

  // Bytes that keep() needs for a row of values.
  virtual int64_t kept_row_bytes() const = 0;
  // Keeps values for gradients().
  virtual void keep(Range samples, MatrixView<const float> values, std::byte* kept) = 0;
  // gradients (rows.size(), D) ← values · (weights · x̂), for rows of the tile that was kept, the first a multiple of
  // 32. gradients has padded_to_tile(rows.size()) rows of padded_stride(D).
  virtual void gradients(const std::byte* kept, Range rows, MatrixView<float> gradients,
                         RowPrefetch& next) = 0;

  // How often a product of `rows` rows with all samples advances `next`, about.
  virtual int64_t prefetch_calls(int64_t rows) const = 0;
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
