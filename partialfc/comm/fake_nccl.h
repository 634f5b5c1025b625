// Stands in for libnccl on the simulator, among ranks that are threads or processes of one host, and is strict: what NCCL
// would hang on or make nonsense of comes back as an error that names it. Its nccl_library() takes the place of the real
// one in a program that has it. For tests only.
//
// Ranks exchange through a file in memory. Every call but the last is to be asked after (async_error) before the next.
#pragma once

#include <cstdint>

namespace partialfc {

struct FakeNccl {
  // From this operation of a channel on, the first being 1, this rank's ncclCommGetAsyncError says kRemoteError.
  int failing_rank = -1;
  int64_t failing_operation = 0;
};
FakeNccl& fake_nccl();

}  // namespace partialfc
