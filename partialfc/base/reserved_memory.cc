#include "partialfc/base/reserved_memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <utility>

#include "partialfc/base/error.h"

namespace partialfc {

ReservedMemory::ReservedMemory(uint64_t bytes, Pages pages) {
  if (bytes == 0) return;
  void* address =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED)
    fail("cannot reserve {:.1f} GiB of address space: {}", bytes / 1073741824.0, errno_text(errno));
  // Advice: where the system has no huge pages, small ones serve.
  (void)::madvise(address, bytes, pages == Pages::kHuge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  data_ = static_cast<std::byte*>(address);
  size_ = bytes;
}

ReservedMemory::~ReservedMemory() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

ReservedMemory::ReservedMemory(ReservedMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

ReservedMemory& ReservedMemory::operator=(ReservedMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

}  // namespace partialfc
