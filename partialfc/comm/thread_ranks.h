// Ranks as threads of one process: the communicator of tests and of runs that need no launcher.
//
// The last rank to arrive at an operation does its work, combining in the order of the ranks; the others sleep until it
// is done. A call that does not match the peers' (another operation, count, type, reduction or root) throws
// InternalError that names both.
#pragma once

#include <functional>

#include "partialfc/comm/communicator.h"

namespace partialfc {

// Runs body once per rank, each on a thread (rank 0 on the caller's), and returns when all have ended. If one throws,
// the others' waits throw Error that names it, and the exception of the first that failed is rethrown here.
void run_ranks(int size, const std::function<void(Communicator&)>& body, Communicator::Options options = {});

}  // namespace partialfc
