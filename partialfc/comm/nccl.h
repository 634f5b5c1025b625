// Collective operations on the memory of GPUs, one for each rank, over NCCL.
//
// NCCL computes and sends; it does not know who is late, lost or wrong. So every operation is one of the bootstrap's as
// well (watch.h), which has the time limit, the heartbeats and the names. A wait ends with the same exceptions and words
// as over MPI; then the channel is aborted: what it had queued on the device ends unfinished.
//
// Channels of one device follow each other on it: operations of all of them are called in one order, the same on every
// rank. Sums are taken in NCCL's order, which depends on the ranks, their links and the size of the message.
#pragma once

#include <memory>

#include "partialfc/comm/communicator.h"
#include "partialfc/device/stream.h"

namespace partialfc {

// Collective. A channel over the ranks of `bootstrap`, each with the GPU that its thread has in use; it uses a channel of
// bootstrap of its own. The stream outlives it. Throws Error where libnccl is missing, too old, or says no.
std::unique_ptr<Communicator> open_nccl_channel(Communicator& bootstrap, const std::string& name,
                                                Stream& stream);

}  // namespace partialfc
