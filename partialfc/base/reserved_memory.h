// A range of address space whose pages come to life, zeroed, when first written. Reserving costs nothing, so a
// table for a billion rows can be addressed at once and pay for the rows in use.
#pragma once

#include <cstddef>
#include <cstdint>

namespace partialfc {

class ReservedMemory {
 public:
  enum class Pages {
    kSmall,  // for scattered writes: 4 KB come to life at a time
    kHuge,   // for dense use: 2 MB at a time where the system grants it, far fewer TLB misses
  };

  ReservedMemory() = default;
  // Throws Error with the size and the system's reason where the range cannot be reserved.
  ReservedMemory(uint64_t bytes, Pages pages);
  ~ReservedMemory();
  ReservedMemory(ReservedMemory&& other) noexcept;
  ReservedMemory& operator=(ReservedMemory&& other) noexcept;

  std::byte* data() const { return data_; }
  uint64_t size() const { return size_; }
  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(data_);
  }

 private:
  std::byte* data_ = nullptr;
  uint64_t size_ = 0;
};

}  // namespace partialfc
