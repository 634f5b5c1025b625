// CUDA's __reduce_*_sync for devices before sm_80, which have no instruction for them: a shuffle a lane. Every lane of the
// mask must be there.
#pragma once

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800

#define PFC_REDUCE_SYNC(name, type, combined)                                \
  __device__ inline type __reduce_##name##_sync(unsigned mask, type value) { \
    type a = __shfl_sync(mask, value, __ffs(mask) - 1);                      \
    for (unsigned rest = mask & (mask - 1); rest != 0; rest &= rest - 1) {   \
      const type b = __shfl_sync(mask, value, __ffs(rest) - 1);              \
      a = combined;                                                          \
    }                                                                        \
    return a;                                                                \
  }
PFC_REDUCE_SYNC(add, int, a + b)
PFC_REDUCE_SYNC(add, unsigned, a + b)
PFC_REDUCE_SYNC(min, int, a < b ? a : b)
PFC_REDUCE_SYNC(min, unsigned, a < b ? a : b)
PFC_REDUCE_SYNC(max, int, a > b ? a : b)
PFC_REDUCE_SYNC(max, unsigned, a > b ? a : b)
PFC_REDUCE_SYNC(and, unsigned, a& b)
PFC_REDUCE_SYNC(or, unsigned, a | b)
PFC_REDUCE_SYNC(xor, unsigned, a ^ b)
#undef PFC_REDUCE_SYNC

#endif
