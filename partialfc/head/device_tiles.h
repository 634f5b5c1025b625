// The visits of the active rows on a device, tile by tile: some thousand classes, whose centers and products stay in the
// device's level-2 cache until they are terms of the softmax sum. Internal to head/.
#pragma once

#include <memory>

#include "partialfc/centers/device_store.h"
#include "partialfc/head/device_batch.h"
#include "partialfc/head/device_forward.h"
#include "partialfc/kernels/device_products.h"
#include "partialfc/kernels/device_softmax.h"

namespace partialfc {

template <class T>
class DeviceTiles {
 public:
  // tile_classes: T. capacity: S. All outlive the object.
  DeviceTiles(const Margin& margin, DeviceStore& store, int64_t tile_classes, int64_t capacity,
              int64_t kept_classes, int64_t samples, bool tf32);

  int64_t tile_classes() const { return tile_classes_; }
  // A forward half's norms, E, and what finish_sums() needs of Z⁻ and U, under its shifts.
  void visit(DeviceForward<T>& forward, Stream& stream);
  // shifts ← the largest logits off the targets.
  void find_largest_logits(DeviceForward<T>& forward, Stream& stream);
  // As of the last visit().
  DeviceSums<T> sums_of(const DeviceForward<T>& forward) const;

  // use(classes, gradients, targets) for each tile; gradients (classes, D): Σ_n weights_n E_nj x̂_n / ‖w_j‖, until the next.
  template <class Use>
  void make_gradients(DeviceForward<T>& forward, Stream& stream, Use use);

 private:
  struct Tile {
    Range classes;  // active indices
    bool kept = false;
    DeviceMatrix<T> values, centers;
    DeviceMatrix<float> partial;  // sums or maxima of its chunks
  };
  int64_t tiles() const { return (capacity_ + tile_classes_ - 1) / tile_classes_; }
  int64_t chunks_of_tile() const { return (tile_classes_ + kClassesOfChunk - 1) / kClassesOfChunk; }
  Tile tile(const DeviceForward<T>& forward, int64_t index) const;
  DeviceTile terms_of(const DeviceForward<T>& forward, Range classes) const;
  void make_products(DeviceForward<T>& forward, const Tile& tile, Stream& stream);
  void make_terms(DeviceForward<T>& forward, const Tile& tile, Stream& stream);
  DeviceMatrix<float> u() const { return {u_.span().address, samples_, dim_, padded_for_device(dim_)}; }

  const Margin margin_;
  DeviceStore& store_;
  const int64_t dim_, tile_classes_, capacity_, samples_;
  const std::unique_ptr<DeviceProducts<T>> products_;
  DeviceBuffer<T> centers_;        // w of the kept tiles, then of one more: (places, padded D)
  DeviceBuffer<float> gradients_;  // of a tile (T, padded D)
  DeviceBuffer<float> partial_;    // sums or maxima of chunks (chunks of all tiles, N)
  DeviceBuffer<float> u_;          // U (N, padded D)
};

template <class T>
template <class Use>
void DeviceTiles<T>::make_gradients(DeviceForward<T>& forward, Stream& stream, Use use) {
  const DeviceActiveClasses active = forward.activation.active();
  for (int64_t i = 0; i < tiles(); ++i) {
    const Tile tile = this->tile(forward, i);
    const int64_t first = tile.classes.first, count = tile.classes.size();
    if (!tile.kept) make_terms(forward, tile, stream);
    const DeviceMatrix<float> gradients{gradients_.span().address, count, dim_, padded_for_device(dim_)};
    products_->gradients(tile.values, forward.operand_of(forward.weighted), gradients, stream);
    use(tile.classes, gradients,
        DeviceTargets{.positive_of = active.positive_of.part(first, count),
                      .first_sample = active.first_sample,
                      .samples = active.samples,
                      .coefficients = forward.coefficients.span(),
                      .features = forward.unit_features()});
  }
}

}  // namespace partialfc
