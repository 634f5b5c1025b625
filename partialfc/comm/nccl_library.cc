#include "partialfc/comm/nccl_library.h"

#include <dlfcn.h>

#include <cstdlib>

#include "partialfc/base/error.h"
#include "partialfc/base/library_function.h"

namespace partialfc {

namespace {

NcclLibrary load() {
  const char* const path = std::getenv("PARTIALFC_NCCL");
  void* const library = dlopen(path != nullptr ? path : "libnccl.so.2", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    fail(
        "ranks on GPUs of their own need NCCL, and {} cannot be loaded: install libnccl2, or put the folder of "
        "libnccl.so.2 into LD_LIBRARY_PATH (pip's torch has it in nvidia/nccl/lib)\n  {}",
        path != nullptr ? path : "libnccl.so.2", dlerror());
  NcclLibrary nccl{};
  find_function(library, "libnccl", "ncclGetVersion", nccl.get_version);
  int version = 0;
  nccl.get_version(&version);
  if (version < nccl::kOldestVersion)
    fail("NCCL {} is too old: {} or newer is needed", nccl_version_name(version),
         nccl_version_name(nccl::kOldestVersion));
  find_function(library, "libnccl", "ncclGetUniqueId", nccl.get_unique_id);
  find_function(library, "libnccl", "ncclCommInitRankConfig", nccl.init_rank);
  find_function(library, "libnccl", "ncclCommGetAsyncError", nccl.async_error);
  find_function(library, "libnccl", "ncclCommAbort", nccl.abort);
  find_function(library, "libnccl", "ncclGetErrorString", nccl.error_string);
  find_function(library, "libnccl", "ncclGetLastError", nccl.last_error);
  find_function(library, "libnccl", "ncclAllGather", nccl.all_gather);
  find_function(library, "libnccl", "ncclAllReduce", nccl.all_reduce);
  find_function(library, "libnccl", "ncclReduceScatter", nccl.reduce_scatter);
  find_function(library, "libnccl", "ncclBroadcast", nccl.broadcast);
  return nccl;
}

}  // namespace

const NcclLibrary& nccl_library() {
  static const NcclLibrary library = load();
  return library;
}

}  // namespace partialfc
