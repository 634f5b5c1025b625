// bfloat16: products of stored centers, unit features and E, all rounded to bfloat16, summed in float32.
#include <algorithm>
#include <cmath>
#include <vector>

#include "partialfc/base/error.h"
#include "partialfc/base/reserved_memory.h"
#include "partialfc/head/tile_arithmetic.h"
#include "partialfc/kernels/bfloat16_gemm.h"
#include "partialfc/kernels/center_rows.h"

namespace partialfc {

namespace {

// Zeroed rows whose stride is odd in cache lines: else the rows of a column share a few cache sets.
template <class T>
class PaddedRows {
 public:
  void resize(int64_t rows, int64_t cols) {
    rows_ = rows;
    cols_ = cols;
    stride_ = cols * int64_t{sizeof(T)} / 64 * 64 / int64_t{sizeof(T)} + 64 / int64_t{sizeof(T)};
    const auto bytes = static_cast<uint64_t>(rows * stride_) * sizeof(T);
    if (memory_.size() < bytes) memory_ = ReservedMemory(bytes, ReservedMemory::Pages::kHuge);
  }
  void clear() { std::fill_n(memory_.as<T>(), rows_ * stride_, T{}); }
  T* operator[](int64_t row) const { return memory_.as<T>() + row * stride_; }
  MatrixView<T> first(int64_t rows, int64_t cols) const { return {memory_.as<T>(), rows, cols, stride_}; }

 private:
  int64_t rows_ = 0, cols_ = 0, stride_ = 0;
  ReservedMemory memory_;
};

class BFloat16Tiles final : public TileArithmetic {
 public:
  BFloat16Tiles(BFloat16Unit unit, int64_t dim, int threads)
      : unit_(unit), dim_(dim), padded_dim_(padded_to_tile(dim)), workspaces_(threads) {
    for (Workspace& work : workspaces_) {
      work.centers.resize(kRows, padded_dim_);
      work.pairs.resize(kRows / 2, 2 * padded_dim_);
      work.values.resize(kRows, kSamples);
      work.transposed.resize(kSamples, kRows);
    }
  }

  void set_features(MatrixView<const float> unit_features) override {
    samples_ = unit_features.rows;
    padded_samples_ = padded_to_tile(samples_);
    features_.resize(padded_dim_ / 2, 2 * padded_samples_);
    features_.clear();
    for (int64_t n = 0; n < samples_; ++n)
      for (int64_t d = 0; d < dim_; ++d) features_[d / 2][2 * n + d % 2] = to_bfloat16(unit_features(n, d));
  }

  void set_weighted_features(MatrixView<const float> weighted) override {
    weighted_.resize(padded_samples_ / 2, 2 * padded_dim_);
    weighted_.clear();
    for (int64_t n = 0; n < samples_; ++n)
      for (int64_t d = 0; d < dim_; ++d) weighted_[n / 2][2 * d + n % 2] = to_bfloat16(weighted(n, d));
  }

  void load(int thread, std::span<std::byte* const> records, std::span<float> inverse_norms) override {
    Workspace& work = workspaces_[thread];
    const auto rows = std::ssize(records);
    for (int64_t j = 0; j < rows; ++j) {
      if (j + 2 < rows) prefetch_row(records[j + 2], dim_ * int64_t{sizeof(BFloat16)});
      const auto* w = reinterpret_cast<const BFloat16*>(records[j]);
      std::copy_n(w, dim_, work.centers[j]);
      inverse_norms[j] = 1 / std::max(std::sqrt(squared_norm(w, dim_)), kNormEpsilon);
    }
    work.padded_rows = padded_to_tile(rows);
    for (int64_t j = rows; j < work.padded_rows; ++j) std::fill_n(work.centers[j], dim_, BFloat16{});
    for (int64_t j = 0; j < work.padded_rows; j += 2)
      interleave(work.centers[j], work.centers[j + 1], work.pairs[j / 2], dim_);
  }

  MatrixView<float> values(int thread, int64_t rows, Range samples, std::byte*) override {
    return workspaces_[thread].values.first(rows, samples.size());
  }

  void products(int thread, Range samples, MatrixView<float>, RowPrefetch& next) override {
    Workspace& work = workspaces_[thread];
    const int64_t columns = padded_to_tile(samples.size());
    MatrixView<BFloat16> features = features_.first(padded_dim_ / 2, 2 * columns);
    features.data += 2 * samples.first;
    bfloat16_gemm(unit_, false, work.centers.first(work.padded_rows, padded_dim_), features,
                  work.values.first(work.padded_rows, columns), next);
  }

  float product(int thread, int64_t row, const float* unit_feature) const override {
    return dot(workspaces_[thread].centers[row], unit_feature, dim_);
  }

  void add_to_u(int thread, Range samples, MatrixView<const float>, MatrixView<float> u,
                RowPrefetch& next) override {
    Workspace& work = workspaces_[thread];
    const int64_t columns = padded_to_tile(samples.size());
    const auto transposed = work.transposed.first(columns, work.padded_rows);
    transpose_to_bfloat16(work.values.first(work.padded_rows, columns), transposed);
    bfloat16_gemm(unit_, true, transposed, work.pairs.first(work.padded_rows / 2, 2 * padded_dim_),
                  {u[samples.first], columns, padded_dim_, u.stride}, next);
  }

  int64_t kept_row_bytes() const override {
    return partialfc::kept_row_bytes(Precision::kBFloat16, samples_);
  }

  void keep(Range samples, MatrixView<const float> values, std::byte* kept) override {
    auto* row = reinterpret_cast<BFloat16*>(kept) + samples.first;
    for (int64_t j = 0; j < values.rows; ++j, row += kept_stride()) {
      to_bfloat16(values[j], row, samples.size());
      std::fill(row + samples.size(), row + padded_to_tile(samples.size()), BFloat16{});
    }
  }

  void gradients(const std::byte* kept, Range rows, MatrixView<float> gradients, RowPrefetch& next) override {
    const int64_t padded_rows = padded_to_tile(rows.size());
    const auto* values = reinterpret_cast<const BFloat16*>(kept) + rows.first * kept_stride();
    bfloat16_gemm(unit_, false, {values, padded_rows, padded_samples_, kept_stride()},
                  weighted_.first(padded_samples_ / 2, 2 * padded_dim_),
                  {gradients.data, padded_rows, padded_dim_, gradients.stride}, next);
  }

  int64_t prefetch_calls(int64_t rows) const override {
    return padded_to_tile(rows) * padded_samples_ * padded_dim_ /
           (kBFloat16Tile * kBFloat16Tile * kBFloat16Tile);
  }

 private:
  int64_t kept_stride() const { return kept_row_bytes() / int64_t{sizeof(BFloat16)}; }

  struct Workspace {
    PaddedRows<BFloat16> centers;     // w (T, D)
    PaddedRows<BFloat16> pairs;       // w (T/2, 2D), two rows in turn
    PaddedRows<float> values;         // (T, samples of a part)
    PaddedRows<BFloat16> transposed;  // (samples of a part, T)
    int64_t padded_rows = 0;          // T of this tile, padded
  };

  const BFloat16Unit unit_;
  const int64_t dim_, padded_dim_;
  int64_t samples_ = 0, padded_samples_ = 0;
  PaddedRows<BFloat16> features_;  // x̂: pairs (D/2, 2N)
  PaddedRows<BFloat16> weighted_;  // weights · x̂: pairs (N/2, 2D)
  std::vector<Workspace> workspaces_;
};

}  // namespace

std::unique_ptr<TileArithmetic> make_bfloat16_tiles(int64_t dim, int threads) {
  const BFloat16Unit unit = bfloat16_unit();
  if (unit == BFloat16Unit::kNone)
    fail_usage("precision bf16: this CPU has no bfloat16 arithmetic (avx512_bf16); use fp32");
  return std::make_unique<BFloat16Tiles>(unit, dim, threads);
}

}  // namespace partialfc
