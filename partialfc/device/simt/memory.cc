#include "partialfc/device/simt/memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "partialfc/base/error.h"
#include "partialfc/device/simt/sanitizers.h"

namespace partialfc::simt {
namespace {

constexpr int64_t kAlignment = 256;
// Protecting pages takes some 15 µs a MiB, each time that the host waits: with more in use than this, nothing is.
constexpr int64_t kMostProtected = 16 << 20;
constexpr bool kHeap = kAddressSanitizer || kThreadSanitizer;

int64_t round_up(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

Memory::Memory(int64_t bytes) : bytes_(bytes) {
  if (kHeap) return;
  void* const arena = mmap(nullptr, static_cast<size_t>(bytes), PROT_NONE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (arena == MAP_FAILED)
    fail("no {} bytes of addresses for a simulated device: {}", bytes, errno_text(errno));
  arena_ = static_cast<char*>(arena);
}

Memory::~Memory() {
  if (arena_ != nullptr) munmap(arena_, static_cast<size_t>(bytes_));
  if (!kHeap) return;
  open();
  for (const auto& [begin, size] : allocations_) std::free(begin);
}

void* Memory::allocate(int64_t bytes) {
  if (used_ + round_up(bytes) > bytes_) return nullptr;
  char* begin = arena_;
  if (kHeap) {
    void* memory = nullptr;
    if (posix_memalign(&memory, kAlignment, static_cast<size_t>(bytes)) != 0) return nullptr;
    begin = static_cast<char*>(memory);
  } else {  // the first gap that is large enough
    for (const auto& [other, size] : allocations_) {
      if (other - begin >= bytes) break;
      begin = other + round_up(size);
    }
    if (arena_ + bytes_ - begin < bytes) return nullptr;
  }
  const bool was_open = open_;
  if (arena_ != nullptr) open();
  std::memset(begin, 0xff, static_cast<size_t>(bytes));
  allocations_[begin] = bytes;
  used_ += round_up(bytes);
  if (arena_ != nullptr && !was_open) close();
  if (!was_open) poison(begin, static_cast<size_t>(bytes));
  return begin;
}

void Memory::release(void* memory) {
  const auto found = allocations_.find(static_cast<char*>(memory));
  PFC_CHECK(found != allocations_.end(), "no allocation begins at {}", memory);
  unpoison(found->first, static_cast<size_t>(found->second));
  used_ -= round_up(found->second);
  if (kHeap) std::free(memory);
  allocations_.erase(found);
}

Memory::Place Memory::find(const void* address) const {
  const auto* const at = static_cast<const char*>(address);
  auto next = allocations_.upper_bound(const_cast<char*>(at));
  if (next == allocations_.begin()) return {-1, 0};
  --next;
  const Place place{next->second, at - next->first};
  return place.offset < place.size ? place : Place{-1, 0};
}

void Memory::open() {
  if (std::exchange(open_, true)) return;
  if (arena_ != nullptr) mprotect(arena_, static_cast<size_t>(bytes_), PROT_READ | PROT_WRITE);
  for (const auto& [begin, size] : allocations_) unpoison(begin, static_cast<size_t>(size));
}

void Memory::close() {
  if (!open_ || (arena_ != nullptr && used_ > kMostProtected)) return;
  open_ = false;
  if (arena_ != nullptr) mprotect(arena_, static_cast<size_t>(bytes_), PROT_NONE);
  for (const auto& [begin, size] : allocations_) poison(begin, static_cast<size_t>(size));
}

}  // namespace partialfc::simt
