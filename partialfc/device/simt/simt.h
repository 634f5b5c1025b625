// CUDA C++ for g++: what a file of kernels (*.cu) sees in place of cuda_runtime.h. The simulator runs its kernels on a CPU,
// for tests: each thread of a block is a fiber (block.h), blocks run one after the other, streams when they are waited for
// (machine.h). Compiled with -fno-strict-aliasing, as CUDA is.
//
// What it finds, and by what means, is in CONTRIBUTING.md, "Kernels for a GPU". Global names here are CUDA's.
#pragma once

#include "partialfc/device/simt/atomics.h"
#include "partialfc/device/simt/intrinsics.h"
#include "partialfc/device/simt/kernel.h"
#include "partialfc/device/simt/math_functions.h"
#include "partialfc/device/simt/types.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(bytes) __attribute__((aligned(bytes)))
// Blocks run one at a time: AddressSanitizer sees the ends of static arrays, and `noinit` puts them where
// fill_static_shared() finds them.
#define __shared__ static __attribute__((noinit))
// The dynamic shared memory of a block, as an array of `type`.
#define PFC_DYNAMIC_SHARED(type, name) \
  type* const name = reinterpret_cast<type*>(::partialfc::simt::dynamic_shared())
