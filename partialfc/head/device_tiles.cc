#include "partialfc/head/device_tiles.h"

#include <algorithm>

#include "partialfc/base/error.h"
#include "partialfc/head/softmax_sums.h"

namespace partialfc {

template <class T>
DeviceTiles<T>::DeviceTiles(const Margin& margin, DeviceStore& store, int64_t tile_classes, int64_t capacity,
                            int64_t kept_classes, int64_t samples, bool tf32)
    : margin_(margin),
      store_(store),
      dim_(store.layout().dim),
      tile_classes_(tile_classes),
      capacity_(capacity),
      samples_(samples),
      products_(make_device_products<T>(tf32)) {
  const int64_t places = kept_classes + (kept_classes < capacity ? tile_classes : 0),
                width = padded_for_device(dim_);
  centers_ = DeviceBuffer<T>(places * width);
  gradients_ = DeviceBuffer<float>(tile_classes * width);
  partial_ = DeviceBuffer<float>(tiles() * chunks_of_tile() * samples);
  u_ = DeviceBuffer<float>(samples * width);
}

template <class T>
typename DeviceTiles<T>::Tile DeviceTiles<T>::tile(const DeviceForward<T>& forward, int64_t index) const {
  const Range classes{index * tile_classes_, std::min((index + 1) * tile_classes_, capacity_)};
  const bool kept = classes.last <= forward.kept_classes;
  const int64_t size = classes.size(), place = kept ? classes.first : forward.kept_classes,
                width = padded_for_device(dim_), chunks = (size + kClassesOfChunk - 1) / kClassesOfChunk,
                first_chunk = index * chunks_of_tile();
  return {classes,
          kept,
          {forward.values.span().part(place * samples_, size * samples_).address, size, samples_},
          {centers_.span().part(place * width, size * width).address, size, dim_, width},
          {partial_.span().part(first_chunk * samples_, chunks * samples_).address, chunks, samples_}};
}

template <class T>
DeviceTile DeviceTiles<T>::terms_of(const DeviceForward<T>& forward, Range classes) const {
  return {.inverse_norms = forward.inverse_norms.span().part(classes.first, classes.size()),
          .class_of = forward.activation.active().class_of,
          .first_class = classes.first,
          .shifts = forward.is_shifted ? forward.shifts.span() : DeviceSpan<float>(),
          .shift = fixed_shift(margin_.scale)};
}

// The tile's centers and norms, and its products with all samples.
template <class T>
void DeviceTiles<T>::make_products(DeviceForward<T>& forward, const Tile& tile, Stream& stream) {
  gather_centers<T>(store_.records<const T>(), forward.places().part(tile.classes.first, tile.classes.size()),
                    tile.centers, forward.inverse_norms.span().part(tile.classes.first, tile.classes.size()),
                    forward.not_finite(), stream);
  products_->logits(tile.centers, forward.operand_of(forward.operand), tile.values, stream);
}

// Its E, in place of the products.
template <class T>
void DeviceTiles<T>::make_terms(DeviceForward<T>& forward, const Tile& tile, Stream& stream) {
  make_products(forward, tile, stream);
  exp_sums<T, T>(softmax_options(margin_), terms_of(forward, tile.classes), tile.values, tile.values,
                 tile.partial, stream);
}

template <class T>
void DeviceTiles<T>::visit(DeviceForward<T>& forward, Stream& stream) {
  const int64_t kept = forward.kept_classes, width = padded_for_device(dim_);
  for (int64_t i = 0; i < tiles(); ++i) {  // the kept ones first
    const Tile tile = this->tile(forward, i);
    make_terms(forward, tile, stream);
    if (tile.classes.last == kept)  // all that is kept in one product
      products_->u(false, DeviceMatrix<const T>(forward.values.span().address, kept, samples_),
                   DeviceMatrix<const T>(centers_.span().address, kept, dim_, width), u(), stream);
    if (!tile.kept) products_->u(i > 0, tile.values, tile.centers, u(), stream);
  }
}

template <class T>
void DeviceTiles<T>::find_largest_logits(DeviceForward<T>& forward, Stream& stream) {
  for (int64_t i = 0; i < tiles(); ++i) {
    const Tile tile = this->tile(forward, i);
    make_products(forward, tile, stream);
    largest_logits<T>(softmax_options(margin_), terms_of(forward, tile.classes), tile.values, tile.partial,
                      stream);
  }
  largest_of_columns(sums_of(forward).partial_sums, forward.shifts.span(), stream);
}

template <class T>
DeviceSums<T> DeviceTiles<T>::sums_of(const DeviceForward<T>& forward) const {
  const DeviceActiveClasses active = forward.activation.active();
  const int64_t chunks = (tiles() - 1) * chunks_of_tile() + tile(forward, tiles() - 1).partial.rows;
  return {.partial_sums = {partial_.span().address, chunks, samples_},
          .u = u(),
          .records = store_.records<const T>(),
          .places = forward.places(),
          .inverse_norms = forward.inverse_norms.span(),
          .class_of = active.class_of,
          .labels = forward.labels.span(),
          .features = forward.unit_features(),
          .not_finite = forward.not_finite()};
}

template class DeviceTiles<float>;
template class DeviceTiles<BFloat16>;

}  // namespace partialfc
