// Stands in for libnccl on the simulator, among ranks that are threads or processes of one host, and is strict: what NCCL
// would hang on or make nonsense of comes back as an error that names it. Its nccl_library() takes the place of the real
// one in a program that has it. For tests only.
//
// Ranks exchange through a file in memory. Every call but the last is to be asked after (async_error) before the next.
#pragma once

#include <cstdint>

namespace partialfc {

// What goes wrong, from this operation of a channel on, the first being 1. Before the first call it is read from the
// environment: PARTIALFC_FAKE_NCCL="fail RANK OPERATION".
struct FakeNccl {
  int failing_rank = -1;  // its ncclCommGetAsyncError says kRemoteError
  int64_t failing_operation = 0;
};
FakeNccl& fake_nccl();

}  // namespace partialfc
