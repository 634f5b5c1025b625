// NCCL's functions that are called, and what is passed to them, in declarations of our own: nothing of NCCL is needed to
// build, and a program takes the libnccl.so.2 that it finds when it opens its first channel. Internal to comm/.
#pragma once

#include <cstddef>
#include <string>

#include "partialfc/base/error.h"

struct CUstream_st;

namespace partialfc {

// Names and values are those of nccl.h.
namespace nccl {

struct Comm;  // what ncclComm_t points to
struct UniqueId {
  char bytes[128];
};
enum class Result : int {
  kSuccess = 0,
  kUnhandledCudaError = 1,
  kSystemError = 2,
  kInternalError = 3,
  kInvalidArgument = 4,
  kInvalidUsage = 5,
  kRemoteError = 6,
  kInProgress = 7,
};
enum class DataType : int { kUint8 = 1, kInt64 = 4, kFloat32 = 7, kFloat64 = 8, kBfloat16 = 9 };
enum class RedOp : int { kSum = 0, kMax = 2, kMin = 3 };

// ncclConfig_t as of 2.14, the first that has it: later versions know by `size` and `version` what is there.
constexpr int kOldestVersion = 21400;
struct Config {
  size_t size = sizeof(Config);
  unsigned magic = 0xcafebeef;
  unsigned version = kOldestVersion;
  int blocking = 0;  // calls return kInProgress instead of waiting for peers
};

}  // namespace nccl

struct NcclLibrary {
  nccl::Result (*get_version)(int* version);
  nccl::Result (*get_unique_id)(nccl::UniqueId* id);
  nccl::Result (*init_rank)(nccl::Comm** comm, int ranks, nccl::UniqueId id, int rank, nccl::Config* config);
  nccl::Result (*async_error)(nccl::Comm* comm, nccl::Result* error);
  nccl::Result (*abort)(nccl::Comm* comm);
  const char* (*error_string)(nccl::Result result);
  const char* (*last_error)(nccl::Comm* comm);
  nccl::Result (*all_gather)(const void* mine, void* all, size_t count, nccl::DataType type, nccl::Comm* comm,
                             CUstream_st* stream);
  nccl::Result (*all_reduce)(const void* in, void* out, size_t count, nccl::DataType type, nccl::RedOp op,
                             nccl::Comm* comm, CUstream_st* stream);
  nccl::Result (*reduce_scatter)(const void* all, void* mine, size_t count, nccl::DataType type,
                                 nccl::RedOp op, nccl::Comm* comm, CUstream_st* stream);
  nccl::Result (*broadcast)(const void* in, void* out, size_t count, nccl::DataType type, int root,
                            nccl::Comm* comm, CUstream_st* stream);
};

// From $PARTIALFC_NCCL, a path, where it is set; else the one that the process has or the system finds. Throws Error with
// what was tried, and where the library is older than kOldestVersion.
const NcclLibrary& nccl_library();

// "2.28.9". Until 2.8 a version is 1000 · major + 100 · minor + patch, from 2.9 on 10000 · major + ….
inline std::string nccl_version_name(int version) {
  const int unit = version < 10000 ? 1000 : 10000;
  return fmt::format("{}.{}.{}", version / unit, version % unit / 100, version % 100);
}

}  // namespace partialfc
