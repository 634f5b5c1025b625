// Memory of a device, and host memory that it copies from and to; owned.
#pragma once

#include <memory>
#include <span>
#include <type_traits>

#include "partialfc/device/stream.h"
#include "partialfc/device/view.h"

namespace partialfc {

// On the device that the thread which makes it has in use; contents unspecified.
template <class T>
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  explicit DeviceBuffer(int64_t size)
      : memory_(size > 0 ? static_cast<T*>(runtime::allocate(size * int64_t{sizeof(T)})) : nullptr),
        size_(size) {}

  int64_t size() const { return size_; }
  DeviceSpan<T> span() const { return {memory_.get(), size_}; }
  DeviceSpan<T> first(int64_t count) const { return span().part(0, count); }
  // The first rows · cols elements.
  DeviceMatrix<T> matrix(int64_t rows, int64_t cols) const {
    return {first(rows * cols).address, rows, cols};
  }

 private:
  static_assert(std::is_trivially_copyable_v<T>);
  struct Release {
    void operator()(T* memory) const noexcept { runtime::release(memory); }
  };
  std::unique_ptr<T, Release> memory_;
  int64_t size_ = 0;
};

template <class T>
class PinnedBuffer {
 public:
  PinnedBuffer() = default;
  explicit PinnedBuffer(int64_t size)
      : memory_(size > 0 ? static_cast<T*>(runtime::allocate_pinned(size * int64_t{sizeof(T)})) : nullptr),
        size_(size) {}

  int64_t size() const { return size_; }
  std::span<T> span() const { return {memory_.get(), static_cast<size_t>(size_)}; }
  T& operator[](int64_t i) const { return memory_.get()[i]; }

 private:
  static_assert(std::is_trivially_copyable_v<T>);
  struct Release {
    void operator()(T* memory) const noexcept { runtime::release_pinned(memory); }
  };
  std::unique_ptr<T, Release> memory_;
  int64_t size_ = 0;
};

// Queued in the stream; both places last until it has run. The host's side lies in a PinnedBuffer, or the copy may wait.
template <class T>
void copy(std::type_identity_t<std::span<const T>> from, DeviceSpan<T> to, Stream& stream) {
  PFC_CHECK(std::ssize(from) == to.size, "{} elements to a place of {}", from.size(), to.size);
  runtime::copy(to.address, from.data(), to.bytes(), stream.handle());
}
template <class T>
void copy(std::type_identity_t<DeviceSpan<const T>> from, std::span<T> to, Stream& stream) {
  PFC_CHECK(from.size == std::ssize(to), "{} elements to a place of {}", from.size, to.size());
  runtime::copy(to.data(), from.address, from.bytes(), stream.handle());
}
template <class T>
void copy(std::type_identity_t<DeviceSpan<const T>> from, DeviceSpan<T> to, Stream& stream) {
  PFC_CHECK(from.size == to.size, "{} elements to a place of {}", from.size, to.size);
  runtime::copy(to.address, from.address, to.bytes(), stream.handle());
}
// Every byte ← 0.
template <class T>
void clear(DeviceSpan<T> to, Stream& stream) {
  if (to.size > 0) runtime::fill(to.address, 0, to.bytes(), stream.handle());
}

}  // namespace partialfc
