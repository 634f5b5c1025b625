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

// A matrix as packed panels of its columns, on huge pages.
class PackedMatrix {
 public:
  void resize(int64_t rows, int64_t cols) {
    rows_ = rows;
    cols_ = padded_columns(cols);
    const auto bytes = static_cast<uint64_t>(rows_ * cols_) * sizeof(float);
    if (memory_.size() < bytes) memory_ = ReservedMemory(bytes, ReservedMemory::Pages::kHuge);
  }
  int64_t panels() const { return cols_ / kTileColumns; }
  // The panel (rows, kTileColumns), set to zero.
  float* clear(int64_t panel) const {
    std::fill_n(this->panel(panel), rows_ * kTileColumns, 0.0f);
    return this->panel(panel);
  }
  // All rows of the columns from `first`, a multiple of kTileColumns, on.
  PanelView columns(int64_t first, int64_t count) const {
    return {panel(first / kTileColumns), rows_, padded_columns(count), kTileColumns, rows_ * kTileColumns};
  }

 private:
  float* panel(int64_t index) const { return memory_.as<float>() + index * rows_ * kTileColumns; }
  int64_t rows_ = 0, cols_ = 0;
  ReservedMemory memory_;
};

// What all tiles of a batch are multiplied with.
struct Batch {
  int64_t dim = 0, samples = 0;
  PackedMatrix features;  // x̂ᵀ (D, N)
  PackedMatrix weighted;  // weights · x̂ (N, D)
};

// A view whose rows are known to be padded, with the columns of the padding.
MatrixView<float> padded(MatrixView<float> view) {
  return {view.data, view.rows, padded_columns(view.cols), view.stride};
}

class Float32Tile final : public CenterTile {
 public:
  explicit Float32Tile(const Batch& batch) : batch_(batch) {
    centers_.resize(TileArithmetic::kClasses, batch.dim);
  }

  void load(std::span<std::byte* const> records, std::span<float> inverse_norms, std::byte* place) {
    place_ = reinterpret_cast<float*>(place);
    classes_ = std::ssize(records);
    for (int64_t j = 0; j < classes_; ++j) {
      if (j + 2 < classes_) prefetch_row(records[j + 2], batch_.dim * int64_t{sizeof(float)});
      inverse_norms[j] = copy_with_norm(reinterpret_cast<const float*>(records[j]), centers_[j], batch_.dim);
    }
  }

  MatrixView<float> products(Range samples, RowPrefetch& next) override {
    samples_ = samples;
    const MatrixView<float> centers = centers_.padded(classes_);
    tile_gemm(false, {centers.data, classes_, batch_.dim, centers.stride, 1},
              batch_.features.columns(samples.first, samples.size()), padded(values()), next);
    return values();
  }

  float product(int64_t index, const float* unit_feature) const override {
    return dot(centers_[index], unit_feature, batch_.dim);
  }

  void add_to_u(MatrixView<float> u, RowPrefetch& next) override {
    const MatrixView<float> e = values();
    tile_gemm(true, {e.data, samples_.size(), classes_, 1, e.stride}, PanelView(centers_.padded(classes_)),
              padded(u.rows_from(samples_.first, samples_.size())), next);
  }

  void keep() override {}  // the values are made in their place

 private:
  MatrixView<float> values() const {
    return {place_ + samples_.first, classes_, samples_.size(), padded_stride(batch_.samples)};
  }

  const Batch& batch_;
  PaddedMatrix centers_;  // w (T, D)
  int64_t classes_ = 0;
  Range samples_;
  float* place_ = nullptr;
};

class Float32Tiles final : public TileArithmetic {
 public:
  Float32Tiles(int64_t dim, int threads) : batch_{.dim = dim} {
    for (int thread = 0; thread < threads; ++thread) tiles_.push_back(std::make_unique<Float32Tile>(batch_));
  }

  void set_features(MatrixView<const float> unit_features, ThreadTeam& team) override {
    batch_.samples = unit_features.rows;
    batch_.features.resize(batch_.dim, batch_.samples);
    team.for_each_part(0, batch_.features.panels(), [&](int, int64_t begin, int64_t end) {
      for (int64_t panel = begin; panel < end; ++panel) {
        float* out = batch_.features.clear(panel);
        const int64_t first = panel * kTileColumns, last = std::min(first + kTileColumns, batch_.samples);
        for (int64_t n = first; n < last; ++n)
          for (int64_t d = 0; d < batch_.dim; ++d) out[d * kTileColumns + n - first] = unit_features(n, d);
      }
    });
  }

  void set_weighted_features(MatrixView<const float> unit_features, std::span<const float> weights,
                             ThreadTeam& team) override {
    batch_.weighted.resize(batch_.samples, batch_.dim);
    team.for_each_part(0, batch_.weighted.panels(), [&](int, int64_t begin, int64_t end) {
      for (int64_t panel = begin; panel < end; ++panel) {
        float* out = batch_.weighted.clear(panel);
        const int64_t first = panel * kTileColumns, count = std::min(kTileColumns, batch_.dim - first);
        for (int64_t n = 0; n < batch_.samples; ++n, out += kTileColumns)
          for (int64_t d = 0; d < count; ++d) out[d] = weights[n] * unit_features(n, first + d);
      }
    });
  }

  CenterTile& load(int thread, std::span<std::byte* const> records, std::span<float> inverse_norms,
                   std::byte* place) override {
    tiles_[thread]->load(records, inverse_norms, place);
    return *tiles_[thread];
  }

  int64_t kept_row_bytes() const override {
    return partialfc::kept_row_bytes(Precision::kFloat32, batch_.samples);
  }

  void gradients(const std::byte* place, Range classes, MatrixView<float> gradients,
                 RowPrefetch& next) override {
    const int64_t stride = padded_stride(batch_.samples);
    tile_gemm(false,
              {reinterpret_cast<const float*>(place) + classes.first * stride, classes.size(), batch_.samples,
               stride, 1},
              batch_.weighted.columns(0, batch_.dim), padded(gradients), next);
  }

  int64_t prefetch_calls(int64_t classes) const override {
    return classes * batch_.samples * batch_.dim / (14 * kTileColumns * kPrefetchInterval);
  }

 private:
  Batch batch_;
  std::vector<std::unique_ptr<Float32Tile>> tiles_;  // of each thread
};

}  // namespace

std::unique_ptr<TileArithmetic> make_float32_tiles(int64_t dim, int threads) {
  return std::make_unique<Float32Tiles>(dim, threads);
}

}  // namespace partialfc
