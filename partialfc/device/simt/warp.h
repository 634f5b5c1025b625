// What the lanes of a warp do together. Every lane of the mask that has not ended must come to the same call with the
// same mask. Where they do not, they wait for ever: a deadlock, which is thrown with all places. What a lane reads
// from one that is not there is a NaN pattern.
#pragma once

#include <cstdint>
#include <cstring>
#include <source_location>
#include <string>

namespace partialfc::simt {

using Where = std::source_location;
std::string text(const Where& where);  // "kernels.cu:12"
inline bool same_place(const Where& a, const Where& b) {
  return std::memcmp(&a, &b, sizeof a) == 0 ||  // the same object of the compiler's: nearly always
         (a.line() == b.line() && a.column() == b.column() && std::strcmp(a.file_name(), b.file_name()) == 0);
}

class Warp;

struct Collective {
  const char* name;
  void (*finish)(Warp& warp, unsigned lanes);  // from in[] and from[] of the lanes to their out[]
  // What a lane wrote before is seen by the others after: of __syncwarp alone, as in CUDA.
  bool orders = false;
};

class Warp {
 public:
  uint64_t in[32], out[32];
  uint8_t from[32];  // the lane whose `in` a shuffle takes

  void begin(unsigned lanes);  // a block begins; the lanes that there are
  // Counts the running thread, which is `lane`, in. Returns the address that orders those that take part
  // (sanitizers.h); null: they are not ordered.
  void* join(const Collective& collective, unsigned mask, unsigned lane, const Where& where);
  // The lanes of collectives that all have come to by now, a collective at a time; 0: no more.
  unsigned finished();
  void end(unsigned lane);  // its thread has returned: nobody waits for it any more
  // Of the lanes that wait: "lanes 0x0000ffff wait in __ballot_sync of kernels.cu:12 for 0xffff0000"; "" if none does.
  std::string waiting() const;

 private:
  // Lanes that have come to the same call. Others may be elsewhere with masks that overlap: they have yet to come.
  struct Group {
    const Collective* collective;
    unsigned mask, arrived;
    Where where;
    unsigned generation = 0;
    char order[2];  // in turn: who joins the next one is not ordered before who has yet to leave this one
  };
  unsigned ended_ = 0;
  unsigned open_ = 0;     // groups that wait
  unsigned changed_ = 0;  // groups that may be complete
  Group groups_[32];
};

extern const Collective kSyncwarp, kBallot, kShuffle;
extern const Collective kAddInt, kAddUnsigned, kMinInt, kMinUnsigned, kMaxInt, kMaxUnsigned, kAnd, kOr, kXor;

}  // namespace partialfc::simt
