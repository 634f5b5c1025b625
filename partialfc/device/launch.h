// What a file of kernels (*.cu) includes: CUDA's own names under nvcc, the simulator's under a C++ compiler, and launch(),
// which stands for <<<>>> in both. The rules for kernels that run in both are in CONTRIBUTING.md.
#pragma once

#include <cstdint>

#include "partialfc/device/stream.h"

#if defined(__CUDACC__)
#include <cuda_runtime.h>

#include "partialfc/device/reduce_sync.h"

// The dynamic shared memory of a block, as an array of `type`.
#define PFC_DYNAMIC_SHARED(type, name)                        \
  extern __shared__ __align__(16) unsigned char pfc_shared[]; \
  type* const name = reinterpret_cast<type*>(pfc_shared)
#else
#include "partialfc/device/simt/simt.h"
#endif

namespace partialfc {

// Queues kernel(args…) on grid × block threads with `shared` bytes of dynamic shared memory. Nothing for an empty grid.
#if defined(__CUDACC__)
template <class... Parameters, class... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block, int64_t shared,
            Stream& stream, Arguments&&... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  if (shared > 48 << 10)
    cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared));
  kernel<<<grid, block, shared, stream.handle()>>>(static_cast<Parameters>(arguments)...);
  runtime::check_launch(name);
}
#else
template <class... Parameters, class... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block, int64_t shared,
            Stream& stream, Arguments&&... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  simt::launch(name, kernel, grid, block, shared, stream.handle(), static_cast<Parameters>(arguments)...);
}
#endif

}  // namespace partialfc
