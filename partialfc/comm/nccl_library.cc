#include "partialfc/comm/nccl_library.h"

#include <dlfcn.h>

#include <cstdlib>

#include "partialfc/base/error.h"

namespace partialfc {

namespace {

template <class Function>
void find(void* library, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(dlsym(library, name));
  if (function == nullptr) fail("libnccl has no {}: {}", name, dlerror());
}

NcclLibrary load() {
  const char* const path = std::getenv("PARTIALFC_NCCL");
  void* const library = dlopen(path != nullptr ? path : "libnccl.so.2", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    fail(
        "ranks on GPUs of their own need NCCL, and {} cannot be loaded: install libnccl2, or put the folder of "
        "libnccl.so.2 into LD_LIBRARY_PATH (pip's torch has it in nvidia/nccl/lib)\n  {}",
        path != nullptr ? path : "libnccl.so.2", dlerror());
  NcclLibrary nccl{};
  find(library, "ncclGetVersion", nccl.get_version);
  int version = 0;
  nccl.get_version(&version);
  if (version < nccl::kOldestVersion)
    fail("NCCL {} is too old: {} or newer is needed", nccl_version_name(version),
         nccl_version_name(nccl::kOldestVersion));
  find(library, "ncclGetUniqueId", nccl.get_unique_id);
  find(library, "ncclCommInitRankConfig", nccl.init_rank);
  find(library, "ncclCommGetAsyncError", nccl.async_error);
  find(library, "ncclCommAbort", nccl.abort);
  find(library, "ncclGetErrorString", nccl.error_string);
  find(library, "ncclGetLastError", nccl.last_error);
  find(library, "ncclAllGather", nccl.all_gather);
  find(library, "ncclAllReduce", nccl.all_reduce);
  find(library, "ncclReduceScatter", nccl.reduce_scatter);
  find(library, "ncclBroadcast", nccl.broadcast);
  return nccl;
}

}  // namespace

const NcclLibrary& nccl_library() {
  static const NcclLibrary library = load();
  return library;
}

}  // namespace partialfc
