// bfloat16: products of stored centers, unit features and E, all rounded to bfloat16, summed in float32.
#include <algorithm>
#include <cmath>
#include <vector>

#include "partialfc/base/error.h"
#include "partialfc/base/reserved_memory.h"
#include "partialfc/head/tile_arithmetic.h"
#include "partialfc/kernels/bfloat16_gemm.h"
#include "partialfc/kernels/bfloat16_rows.h"
#include "partialfc/kernels/center_rows.h"

namespace partialfc {

namespace {

// Zeroed rows whose stride is odd in cache lines: else the rows of a column share a few cache sets.
template <class T>
class PaddedRows {
 public:
  void resize(int64_t rows, int64_t cols) {
    stride_ = cols * int64_t{sizeof(T)} / 64 * 64 / int64_t{sizeof(T)} + 64 / int64_t{sizeof(T)};
    const auto bytes = static_cast<uint64_t>(rows * stride_) * sizeof(T);
    if (memory_.size() < bytes) memory_ = ReservedMemory(bytes, ReservedMemory::Pages::kHuge);
  }
  void clear(int64_t row) const { std::fill_n((*this)[row], stride_, T{}); }
  T* operator[](int64_t row) const { return memory_.as<T>() + row * stride_; }
  MatrixView<T> first(int64_t rows, int64_t cols) const { return {memory_.as<T>(), rows, cols, stride_}; }

 private:
  int64_t stride_ = 0;
  ReservedMemory memory_;
};

// What all tiles of a batch are multiplied with.
struct Batch {
  BFloat16Unit unit = BFloat16Unit::kNone;
  int64_t dim = 0, padded_dim = 0;
  int64_t samples = 0, padded_samples = 0;
  PaddedRows<BFloat16> features;  // x̂: pairs (D/2, 2N)
  PaddedRows<BFloat16> weighted;  // weights · x̂: pairs (N/2, 2D)

  int64_t kept_stride() const {
    return kept_row_bytes(Precision::kBFloat16, samples) / int64_t{sizeof(BFloat16)};
  }
};

class BFloat16CenterTile final : public CenterTile {
 public:
  explicit BFloat16CenterTile(const Batch& batch) : batch_(batch) {
    centers_.resize(TileArithmetic::kClasses, batch.padded_dim);
    pairs_.resize(TileArithmetic::kClasses / 2, 2 * batch.padded_dim);
    values_.resize(TileArithmetic::kClasses, TileArithmetic::kSamples);
    transposed_.resize(TileArithmetic::kSamples, TileArithmetic::kClasses);
  }

  void load(std::span<std::byte* const> records, std::span<float> inverse_norms, std::byte* place) {
    place_ = reinterpret_cast<BFloat16*>(place);
    classes_ = std::ssize(records);
    padded_classes_ = padded_to_tile(classes_);
    for (int64_t j = 0; j < classes_; ++j) {
      if (j + 2 < classes_) prefetch_row(records[j + 2], batch_.dim * int64_t{sizeof(BFloat16)});
      const auto* w = reinterpret_cast<const BFloat16*>(records[j]);
      std::copy_n(w, batch_.dim, centers_[j]);
      inverse_norms[j] = 1 / std::max(std::sqrt(squared_norm(w, batch_.dim)), kNormEpsilon);
    }
    for (int64_t j = classes_; j < padded_classes_; ++j) std::fill_n(centers_[j], batch_.dim, BFloat16{});
    for (int64_t j = 0; j < padded_classes_; j += 2)
      interleave(centers_[j], centers_[j + 1], pairs_[j / 2], batch_.dim);
  }

  MatrixView<float> products(Range samples, RowPrefetch& next) override {
    samples_ = samples;
    MatrixView<BFloat16> features = batch_.features.first(batch_.padded_dim / 2, 2 * padded_samples());
    features.data += 2 * samples.first;
    bfloat16_gemm(batch_.unit, false, centers_.first(padded_classes_, batch_.padded_dim), features,
                  values_.first(padded_classes_, padded_samples()), next);
    return values_.first(classes_, samples.size());
  }

  float product(int64_t index, const float* unit_feature) const override {
    return dot(centers_[index], unit_feature, batch_.dim);
  }

  void add_to_u(MatrixView<float> u, RowPrefetch& next) override {
    const auto transposed = transposed_.first(padded_samples(), padded_classes_);
    transpose_to_bfloat16(values_.first(padded_classes_, padded_samples()), transposed);
    bfloat16_gemm(batch_.unit, true, transposed, pairs_.first(padded_classes_ / 2, 2 * batch_.padded_dim),
                  {u[samples_.first], padded_samples(), batch_.padded_dim, u.stride}, next);
  }

  void keep() override {
    BFloat16* row = place_ + samples_.first;
    for (int64_t j = 0; j < classes_; ++j, row += batch_.kept_stride()) {
      to_bfloat16(values_[j], row, samples_.size());
      std::fill(row + samples_.size(), row + padded_samples(), BFloat16{});
    }
  }

 private:
  int64_t padded_samples() const { return padded_to_tile(samples_.size()); }

  const Batch& batch_;
  PaddedRows<BFloat16> centers_;     // w (T, D)
  PaddedRows<BFloat16> pairs_;       // w (T/2, 2D), two rows in turn
  PaddedRows<float> values_;         // (T, samples of a part)
  PaddedRows<BFloat16> transposed_;  // (samples of a part, T)
  int64_t classes_ = 0, padded_classes_ = 0;
  Range samples_;
  BFloat16* place_ = nullptr;
};

class BFloat16Tiles final : public TileArithmetic {
 public:
  BFloat16Tiles(BFloat16Unit unit, int64_t dim, int threads)
      : batch_{.unit = unit, .dim = dim, .padded_dim = padded_to_tile(dim)} {
    for (int thread = 0; thread < threads; ++thread)
      tiles_.push_back(std::make_unique<BFloat16CenterTile>(batch_));
  }

  void set_features(MatrixView<const float> unit_features, ThreadTeam& team) override {
    batch_.samples = unit_features.rows;
    batch_.padded_samples = padded_to_tile(batch_.samples);
    batch_.features.resize(batch_.padded_dim / 2, 2 * batch_.padded_samples);
    team.for_each_part(0, batch_.padded_dim / 2, [&](int, int64_t begin, int64_t end) {
      for (int64_t pair = begin; pair < end; ++pair) batch_.features.clear(pair);
      for (int64_t n = 0; n < batch_.samples; ++n)
        for (int64_t d = 2 * begin; d < std::min(2 * end, batch_.dim); ++d)
          batch_.features[d / 2][2 * n + d % 2] = to_bfloat16(unit_features(n, d));
    });
  }

  void set_weighted_features(MatrixView<const float> unit_features, std::span<const float> weights,
                             ThreadTeam& team) override {
    batch_.weighted.resize(batch_.padded_samples / 2, 2 * batch_.padded_dim);
    team.for_each_part(0, batch_.padded_samples / 2, [&](int, int64_t begin, int64_t end) {
      for (int64_t pair = begin; pair < end; ++pair) {
        batch_.weighted.clear(pair);
        for (int64_t n = 2 * pair; n < std::min(2 * pair + 2, batch_.samples); ++n)
          for (int64_t d = 0; d < batch_.dim; ++d)
            batch_.weighted[pair][2 * d + n % 2] = to_bfloat16(weights[n] * unit_features(n, d));
      }
    });
  }

  CenterTile& load(int thread, std::span<std::byte* const> records, std::span<float> inverse_norms,
                   std::byte* place) override {
    tiles_[thread]->load(records, inverse_norms, place);
    return *tiles_[thread];
  }

  int64_t kept_row_bytes() const override {
    return partialfc::kept_row_bytes(Precision::kBFloat16, batch_.samples);
  }

  void gradients(const std::byte* place, Range classes, MatrixView<float> gradients,
                 RowPrefetch& next) override {
    const int64_t padded_classes = padded_to_tile(classes.size());
    const auto* values = reinterpret_cast<const BFloat16*>(place) + classes.first * batch_.kept_stride();
    bfloat16_gemm(batch_.unit, false, {values, padded_classes, batch_.padded_samples, batch_.kept_stride()},
                  batch_.weighted.first(batch_.padded_samples / 2, 2 * batch_.padded_dim),
                  {gradients.data, padded_classes, batch_.padded_dim, gradients.stride}, next);
  }

  int64_t prefetch_calls(int64_t classes) const override {
    return padded_to_tile(classes) * batch_.padded_samples * batch_.padded_dim /
           (kBFloat16Tile * kBFloat16Tile * kBFloat16Tile);
  }

 private:
  Batch batch_;
  std::vector<std::unique_ptr<BFloat16CenterTile>> tiles_;  // of each thread
};

}  // namespace

std::unique_ptr<TileArithmetic> make_bfloat16_tiles(int64_t dim, int threads) {
  const BFloat16Unit unit = bfloat16_unit();
  if (unit == BFloat16Unit::kNone)
    fail_usage("precision bf16: this CPU has no bfloat16 arithmetic (avx512_bf16); use fp32");
  return std::make_unique<BFloat16Tiles>(unit, dim, threads);
}

}  // namespace partialfc
