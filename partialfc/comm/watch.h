// An operation that something else performs (NCCL, on the memory of a device), seen by a channel that counts it among its
// own: peers that ask learn how far this rank is, and waiting for it ends as for the channel's own operations.
#pragma once

namespace partialfc {

class Watch {
 public:
  virtual ~Watch() = default;  // the operation is finished, or given up
  // What a rank calls over and over while it waits. Throws TimeoutError, which names the late ranks, once the channel's
  // time-out has passed since the first call; LostRankError, or the error of a peer that has failed, where there is one.
  virtual void check() = 0;
};

}  // namespace partialfc
