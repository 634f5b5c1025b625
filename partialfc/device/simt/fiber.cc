#include "partialfc/device/simt/fiber.h"

#include <sys/mman.h>

#include <boost/context/detail/fcontext.hpp>

#include <cerrno>
#include <utility>

#include "partialfc/base/error.h"
#include "partialfc/device/simt/sanitizers.h"

namespace partialfc::simt {
namespace {

using boost::context::detail::jump_fcontext;
using boost::context::detail::make_fcontext;
using boost::context::detail::transfer_t;

constexpr size_t kGuard = 4096, kStack = 124 << 10;

}  // namespace

struct Fiber::Jump {
  Fiber &from, &to;
};

Fiber::Fiber(Body body) : body_(body), size_(kStack) {
  void* const memory = mmap(nullptr, kGuard + kStack, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) fail("no memory for a stack of {} bytes: {}", kStack, errno_text(errno));
  memory_ = static_cast<char*>(memory);
  mprotect(memory_, kGuard, PROT_NONE);
  bottom_ = memory_ + kGuard;
  context_ = make_fcontext(memory_ + kGuard + kStack, kStack,
                           [](transfer_t transfer) { enter(transfer.fctx, transfer.data); });
}

Fiber::~Fiber() {
  if (memory_ == nullptr) return;
  unpoison(bottom_, kStack);
  munmap(memory_, kGuard + kStack);
}

void Fiber::enter(void* context, void* data) {
  Jump& jump = *static_cast<Jump*>(data);
  Fiber& self = jump.to;
  self.arrived(context, jump);
  self.body_(self);
}

void Fiber::arrived(void* context, Jump& jump) {
  jump.from.context_ = context;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(fake_stack_, &jump.from.bottom_, &jump.from.size_);
#endif
}

void Fiber::switch_to(Fiber& next) {
  Jump jump{*this, next};
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&fake_stack_, next.bottom_, next.size_);
#endif
  const transfer_t back = jump_fcontext(std::exchange(next.context_, nullptr), &jump);
  arrived(back.fctx, *static_cast<Jump*>(back.data));
}

}  // namespace partialfc::simt
