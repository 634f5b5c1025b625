// The three matrix products of the layer on a device. T: type of the operands, float or BFloat16; sums are float32.
//
// Rows of every matrix begin at multiples of 16 bytes. N samples, T or S classes, D dimensions; a view's padding past its
// columns is neither read nor written.
#pragma once

#include <memory>

#include "partialfc/base/precision.h"
#include "partialfc/device/stream.h"
#include "partialfc/device/view.h"

namespace partialfc {

template <class T>
class DeviceProducts {
 public:
  virtual ~DeviceProducts() = default;

  // products (T, N) ← centers (T, D) · featuresᵀ, features (N, D).
  virtual void logits(DeviceMatrix<const T> centers, DeviceMatrix<const T> features, DeviceMatrix<T> products,
                      Stream& stream) = 0;
  // u (N, D) ← valuesᵀ · centers, or u + … where accumulate. values (S, N), centers (S, D).
  virtual void u(bool accumulate, DeviceMatrix<const T> values, DeviceMatrix<const T> centers,
                 DeviceMatrix<float> u, Stream& stream) = 0;
  // gradients (T, D) ← values (T, N) · weighted (N, D).
  virtual void gradients(DeviceMatrix<const T> values, DeviceMatrix<const T> weighted,
                         DeviceMatrix<float> gradients, Stream& stream) = 0;
};

// By cuBLASLt, or in the simulator plainly. tf32: float operands may be rounded to 10 bits of mantissa. Throws Error where
// the library cannot be loaded.
template <class T>
std::unique_ptr<DeviceProducts<T>> make_device_products(bool tf32);

// A thread an element, sums in the order of the inner dimension: for the simulator, and to hold the others against.
template <class T>
std::unique_ptr<DeviceProducts<T>> make_plain_products();

}  // namespace partialfc
