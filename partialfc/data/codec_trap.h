// libjpeg and libpng report an error by a call that must not return. attempt() gives that call a place to jump to.
// Private to the codecs.
#pragma once

#include <csetjmp>

namespace partialfc {

struct CodecTrap {
  std::jmp_buf place;
  char message[256] = {};
};

// Runs `action`; false where it ended in a jump to trap.place. The jump skips destructors, so `action` and what it
// calls may own nothing: buffers belong to the caller.
template <class Action>
bool attempt(CodecTrap& trap, Action&& action) {
  if (setjmp(trap.place) != 0) return false;
  action();
  return true;
}

}  // namespace partialfc
