// Collective operations on the memory of a device among ranks that are threads of one process: any number of ranks on one
// device, or a world of one, without NCCL.
//
// Every rank queues its own share of the work in its own stream: it waits there for the peers' streams to have made what it
// reads, and makes them wait until it has read it. Only the arrival of the peers' calls is waited for on the host. Sums are
// taken in the order of the ranks.
#pragma once

#include <memory>

#include "partialfc/comm/communicator.h"
#include "partialfc/device/stream.h"

namespace partialfc {

// Collective. A channel over the ranks of `bootstrap`, threads of this process that share a device; it uses a channel of
// bootstrap of its own. The stream outlives it.
std::unique_ptr<Communicator> open_device_channel(Communicator& bootstrap, const std::string& name,
                                                  Stream& stream);

}  // namespace partialfc
