// Stacks that one operating-system thread switches between: Boost.Context's jump, some 5 ns, announced to AddressSanitizer.
#pragma once

#include <boost/context/detail/fcontext.hpp>
#include <cstddef>
#include <utility>

#include "partialfc/device/simt/sanitizers.h"

namespace partialfc::simt {

class Fiber {
 public:
  using Body = void (*)(Fiber& self);

  Fiber() = default;  // stands for the stack that the caller is on
  // A stack of its own, with a page below it that nobody may touch. The body runs at the first switch; it never returns.
  explicit Fiber(Body body);
  Fiber(const Fiber&) = delete;
  ~Fiber();

  // Leaves this fiber, which must be the one that runs, for `next`. Returns when something switches back. Inline: the
  // processor guesses wrong about each return behind a switch.
  void switch_to(Fiber& next) {
    Jump jump{*this, next};
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&fake_stack_, next.bottom_, next.size_);
#endif
    const auto back = boost::context::detail::jump_fcontext(std::exchange(next.context_, nullptr), &jump);
    arrived(back);
  }

 private:
  struct Jump {
    Fiber &from, &to;
  };
  static void enter(boost::context::detail::transfer_t transfer);
  void arrived(boost::context::detail::transfer_t transfer) {
    Fiber& from = static_cast<Jump*>(transfer.data)->from;
    from.context_ = transfer.fctx;
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(fake_stack_, &from.bottom_, &from.size_);
#endif
  }

  Body body_ = nullptr;
  char* memory_ = nullptr;  // the guard page, then the stack
  void* context_ = nullptr;
  void* fake_stack_ = nullptr;  // AddressSanitizer's
  const void* bottom_ = nullptr;
  size_t size_ = 0;
};

}  // namespace partialfc::simt
