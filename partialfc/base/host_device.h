// Marks functions that kernels call as well as the host.
#pragma once

#include "partialfc/base/error.h"

// PFC_HOST_CHECK is PFC_CHECK where a C++ compiler compiles, and nothing where nvcc does.
#if defined(__CUDACC__)
#define PFC_HOST_DEVICE __host__ __device__
#define PFC_HOST_CHECK(...)
#else
#define PFC_HOST_DEVICE
#define PFC_HOST_CHECK(...) PFC_CHECK(__VA_ARGS__)
#endif
