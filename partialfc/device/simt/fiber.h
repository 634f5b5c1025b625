// Stacks that one operating-system thread switches between: Boost.Context's jump, some 5 ns, announced to AddressSanitizer.
#pragma once

#include <cstddef>

namespace partialfc::simt {

class Fiber {
 public:
  using Body = void (*)(Fiber& self);

  Fiber() = default;  // stands for the stack that the caller is on
  // A stack of its own, with a page below it that nobody may touch. The body runs at the first switch; it never returns.
  explicit Fiber(Body body);
  Fiber(const Fiber&) = delete;
  ~Fiber();

  // Leaves this fiber, which must be the one that runs, for `next`. Returns when something switches back.
  void switch_to(Fiber& next);

 private:
  struct Jump;
  static void enter(void* context, void* jump);
  void arrived(void* context, Jump& jump);

  Body body_ = nullptr;
  char* memory_ = nullptr;  // the guard page, then the stack
  void* context_ = nullptr;
  void* fake_stack_ = nullptr;  // AddressSanitizer's
  const void* bottom_ = nullptr;
  size_t size_ = 0;
};

}  // namespace partialfc::simt
