// A channel over the memory of a device, seen as one over the host's: so that the conformance checks run over it. Every
// operation copies what it sends to the device, and what it receives back. For tests only.
#pragma once

#include <memory>

#include "partialfc/comm/communicator.h"
#include "partialfc/comm/conformance.h"
#include "partialfc/device/stream.h"

namespace partialfc {

// channel was made with the stream, which outlives both.
std::unique_ptr<Communicator> stage(std::unique_ptr<Communicator> channel, Stream& stream);

// Those that suit channels of a device, whose operations all ranks call in one order, from one thread.
std::vector<ConformanceCheck> device_conformance_checks();

}  // namespace partialfc
