// Views of device memory. A host can hand them on but not look through them: they have no operator[]. Kernels take the
// address.
#pragma once

#include <cstdint>
#include <type_traits>

#include "partialfc/base/error.h"

namespace partialfc {

template <class T>
struct DeviceSpan {
  T* address = nullptr;  // of the device
  int64_t size = 0;      // elements

  DeviceSpan() = default;
  DeviceSpan(T* address, int64_t size) : address(address), size(size) {}
  template <class U>
  requires(std::is_same_v<T, const U>)
      DeviceSpan(DeviceSpan<U> other)  // NOLINT: a span of T is one of const T
      : DeviceSpan(other.address, other.size) {}

  int64_t bytes() const { return size * int64_t{sizeof(T)}; }
  DeviceSpan part(int64_t first, int64_t count) const {
    PFC_CHECK(first >= 0 && count >= 0 && first + count <= size, "{} + {} of {}", first, count, size);
    return {address + first, count};
  }
};

template <class T>
struct DeviceMatrix {
  T* address = nullptr;  // (rows, cols), row i at address + i * stride
  int64_t rows = 0, cols = 0;
  int64_t stride = 0;  // in elements, >= cols

  DeviceMatrix() = default;
  DeviceMatrix(T* address, int64_t rows, int64_t cols) : DeviceMatrix(address, rows, cols, cols) {}
  DeviceMatrix(T* address, int64_t rows, int64_t cols, int64_t stride)
      : address(address), rows(rows), cols(cols), stride(stride) {}
  template <class U>
  requires(std::is_same_v<T, const U>) DeviceMatrix(DeviceMatrix<U> other)  // NOLINT
      : DeviceMatrix(other.address, other.rows, other.cols, other.stride) {}

  DeviceMatrix rows_from(int64_t first, int64_t count) const {
    PFC_CHECK(first >= 0 && count >= 0 && first + count <= rows, "{} + {} of {}", first, count, rows);
    return {address + first * stride, count, cols, stride};
  }
};

}  // namespace partialfc
