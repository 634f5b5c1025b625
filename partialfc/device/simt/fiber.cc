#include "partialfc/device/simt/fiber.h"

#include <sys/mman.h>

#include <atomic>
#include <cerrno>

#include "partialfc/base/error.h"

namespace partialfc::simt {
namespace {

constexpr size_t kGuard = 4096, kStack = 124 << 10;

}  // namespace

Fiber::Fiber(Body body) : body_(body), size_(kStack) {
  void* const memory = mmap(nullptr, kGuard + kStack, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) fail("no memory for a stack of {} bytes: {}", kStack, errno_text(errno));
  memory_ = static_cast<char*>(memory);
  mprotect(memory_, kGuard, PROT_NONE);
  bottom_ = memory_ + kGuard;
  // Tops that differ by more than multiples of a page, or all stacks would be in the same few sets of the caches.
  static std::atomic<size_t> count = 0;
  const size_t unused = count++ * 448 % 4096;
  context_ =
      boost::context::detail::make_fcontext(memory_ + kGuard + kStack - unused, kStack - unused, enter);
}

Fiber::~Fiber() {
  if (memory_ == nullptr) return;
  unpoison(bottom_, kStack);
  munmap(memory_, kGuard + kStack);
}

void Fiber::enter(boost::context::detail::transfer_t transfer) {
  Fiber& self = static_cast<Jump*>(transfer.data)->to;
  self.arrived(transfer);
  self.body_(self);
}

}  // namespace partialfc::simt
