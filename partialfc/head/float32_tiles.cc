// Float32: the operands are plain row-major matrices whose rows are padded.
#include <algorithm>
#include <vector>

#include "partialfc/base/reserved_memory.h"
#include "partialfc/head/tile_arithmetic.h"
#include "partialfc/kernels/center_rows.h"
#include "partialfc/kernels/tile_gemm.h"
#include "partialfc/kernels/vector_ops.h"

namespace partialfc {

namespace {

// A zeroed row-major matrix, its rows padded for tile_gemm(), on huge pages: a walk down a column meets no TLB miss.
class PaddedMatrix {
 public:
  void resize(int64_t rows, int64_t cols) {
    rows_ = rows;
    cols_ = cols;
    const auto bytes = static_cast<uint64_t>(rows * padded_stride(cols)) * sizeof(float);
    if (memory_.size() < bytes) memory_ = ReservedMemory(bytes, ReservedMemory::Pages::kHuge);
  }
  float* operator[](int64_t row) const { return memory_.as<float>() + row * padded_stride(cols_); }
  // With the columns of the padding.
  MatrixView<float> padded(int64_t rows) const {
    return {memory_.as<float>(), rows, padded_columns(cols_), padded_stride(cols_)};
  }

 private:
  int64_t rows_ = 0, cols_ = 0;
  ReservedMemory memory_;
};

// A matrix as packed panels of its columns, on huge pages. What is past its last column is zero.
class PackedMatrix {
 public:
  void resize(int64_t rows, int64_t cols) {
    rows_ = rows;
    cols_ = padded_columns(cols);
    const auto bytes = static_cast<uint64_t>(rows_ * cols_) * sizeof(float);
    if (memory_.size() < bytes) memory_ = ReservedMemory(bytes, ReservedMemory::Pages::kHuge);
    std::fill_n(memory_.as<float>(), rows_ * cols_, 0.0f);
  }
  float& operator()(int64_t row, int64_t col) const {
    return panel(col)[row * kTileColumns + col % kTileColumns];
  }
  // All rows of the columns from `first`, a multiple of kTileColumns, on.
  PanelView columns(int64_t first, int64_t count) const {
    return {panel(first), rows_, padded_columns(count), kTileColumns, rows_ * kTileColumns};
  }

 private:
  float* panel(int64_t col) const { return memory_.as<float>() + col / kTileColumns * rows_ * kTileColumns; }
  int64_t rows_ = 0, cols_ = 0;
  ReservedMemory memory_;
};

class Float32Tiles final : public TileArithmetic {
 public:
  Float32Tiles(int64_t dim, int threads) : dim_(dim), centers_(threads) {
    for (PaddedMatrix& centers : centers_) centers.resize(kRows, dim);
  }

  void set_features(MatrixView<const float> unit_features) override {
    samples_ = unit_features.rows;
    features_.resize(dim_, samples_);
    for (int64_t n = 0; n < samples_; ++n)
      for (int64_t d = 0; d < dim_; ++d) features_(d, n) = unit_features(n, d);
  }

  void set_weighted_features(MatrixView<const float> weighted) override {
    weighted_.resize(samples_, dim_);
    for (int64_t n = 0; n < samples_; ++n)
      for (int64_t d = 0; d < dim_; ++d) weighted_(n, d) = weighted(n, d);
  }

  void load(int thread, std::span<std::byte* const> records, std::span<float> inverse_norms) override {
    for (size_t j = 0; j < records.size(); ++j) {
      if (j + 2 < records.size()) prefetch_row(records[j + 2], dim_ * int64_t{sizeof(float)});
      inverse_norms[j] =
          copy_with_norm(reinterpret_cast<const float*>(records[j]), centers_[thread][j], dim_);
    }
  }

  MatrixView<float> values(int, int64_t rows, Range samples, std::byte* kept) override {
    return {reinterpret_cast<float*>(kept) + samples.first, rows, samples.size(), padded_stride(samples_)};
  }

  void products(int thread, Range samples, MatrixView<float> values, RowPrefetch& next) override {
    const MatrixView<float> centers = centers_[thread].padded(values.rows);
    tile_gemm(false, {centers.data, values.rows, dim_, centers.stride, 1},
              features_.columns(samples.first, samples.size()), padded(values), next);
  }

  float product(int thread, int64_t row, const float* unit_feature) const override {
    return dot(centers_[thread][row], unit_feature, dim_);
  }

  void add_to_u(int thread, Range samples, MatrixView<const float> values, MatrixView<float> u,
                RowPrefetch& next) override {
    tile_gemm(true, {values.data, samples.size(), values.rows, 1, values.stride},
              PanelView(centers_[thread].padded(values.rows)),
              padded(u.rows_from(samples.first, samples.size())), next);
  }

  int64_t kept_row_bytes() const override { return partialfc::kept_row_bytes(Precision::kFloat32, samples_); }
  void keep(Range, MatrixView<const float>, std::byte*) override {}  // they are where values() has put them

  void gradients(const std::byte* kept, Range rows, MatrixView<float> gradients, RowPrefetch& next) override {
    const int64_t stride = padded_stride(samples_);
    tile_gemm(false,
              {reinterpret_cast<const float*>(kept) + rows.first * stride, rows.size(), samples_, stride, 1},
              weighted_.columns(0, dim_), padded(gradients), next);
  }

  int64_t prefetch_calls(int64_t rows) const override {
    return rows * samples_ * dim_ / (14 * kTileColumns * kPrefetchInterval);
  }

 private:
  // Views whose rows are known to be padded, with the columns of the padding.
  MatrixView<float> padded(MatrixView<float> view) const {
    return {view.data, view.rows, padded_columns(view.cols), view.stride};
  }

  const int64_t dim_;
  int64_t samples_ = 0;
  PackedMatrix features_;              // x̂ᵀ (D, N)
  PackedMatrix weighted_;              // weights · x̂ (N, D)
  std::vector<PaddedMatrix> centers_;  // w (T, D) of each thread
};

}  // namespace

std::unique_ptr<TileArithmetic> make_float32_tiles(int64_t dim, int threads) {
  return std::make_unique<Float32Tiles>(dim, threads);
}

}  // namespace partialfc
