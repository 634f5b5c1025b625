// From logits to the terms of the softmax sum on a device, a tile of active classes at a time. The formulas are those of
// softmax_tile.h.
#pragma once

#include <cstdint>

#include "partialfc/device/stream.h"
#include "partialfc/device/view.h"
#include "partialfc/kernels/softmax_tile.h"

namespace partialfc {

// Sums over the classes of a tile are made in chunks of so many, and added up in their order later: no order is left to
// chance.
constexpr int64_t kClassesOfChunk = 64;

struct DeviceTile {
  DeviceSpan<const float> inverse_norms;  // (T), 0: no class
  DeviceSpan<const int32_t> class_of;     // (N) active index of a sample's own class, −1: none here
  int64_t first_class = 0;                // active index of the tile's first
  DeviceSpan<const float> shifts;         // κ (N); empty: `shift` for all
  float shift = 0;
};

// products (T, N): w_j · x̂_n. values (T, N) ← E_jn/‖w_j‖, 0 where class j is sample n's own, filtered out, or none;
// partial_sums (⌈T/kClassesOfChunk⌉, N) ← Σ E_jn over the chunk. values may be products where both are of one type. Rows of
// both begin at multiples of 16 bytes, as long as N padded to 8.
template <class Product, class Value>
void exp_sums(const SoftmaxOptions& options, const DeviceTile& tile, DeviceMatrix<const Product> products,
              DeviceMatrix<Value> values, DeviceMatrix<float> partial_sums, Stream& stream);

// partial_maxima (⌈T/kClassesOfChunk⌉, N) ← the largest logit of the chunk off the target; −infinity where there is none.
template <class Product>
void largest_logits(const SoftmaxOptions& options, const DeviceTile& tile,
                    DeviceMatrix<const Product> products, DeviceMatrix<float> partial_maxima, Stream& stream);

// maxima (N) ← the largest of each column of partial_maxima.
void largest_of_columns(DeviceMatrix<const float> partial_maxima, DeviceSpan<float> maxima, Stream& stream);

}  // namespace partialfc
