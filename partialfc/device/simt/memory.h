// The memory of one simulated device.
//
// New memory holds 0xFF: a NaN as float or bfloat16, −1 as an integer. The host can reach it between close() and open() as
// little as a GPU's: AddressSanitizer reports it, and without sanitizers the processor does (up to 16 MiB). AddressSanitizer also
// sees the exact ends.
#pragma once

#include <cstdint>
#include <map>

namespace partialfc::simt {

class Memory {
 public:
  explicit Memory(int64_t bytes);
  Memory(const Memory&) = delete;
  ~Memory();

  void* allocate(int64_t bytes);  // null where it does not fit
  // Throws InternalError where nothing of this memory begins there.
  void release(void* memory);
  int64_t bytes() const { return bytes_; }
  int64_t free_bytes() const { return bytes_ - used_; }

  struct Place {
    int64_t size, offset;  // of the allocation; of the address in it
  };
  // size < 0: the address is in none of this memory's allocations.
  Place find(const void* address) const;
  // Whether an address is this memory's, in builds without sanitizers. Fast.
  bool in_arena(const void* address) const {
    const auto offset = static_cast<const char*>(address) - arena_;
    return 0 <= offset && offset < bytes_;
  }

  void open();
  void close();

 private:
  int64_t bytes_, used_ = 0;
  bool open_ = false;
  char* arena_ = nullptr;  // reserved addresses; null in builds with a sanitizer, which use the heap
  std::map<char*, int64_t> allocations_;  // their sizes
};

}  // namespace partialfc::simt
