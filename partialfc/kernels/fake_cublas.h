// Stands in for libcublasLt on the simulator, so that what is told to the library is tested: plain loops over what the
// descriptions say, by columns and with the library's own meaning of transposition. For tests only.
#pragma once

#include <string>
#include <vector>

#include "partialfc/kernels/cublas_library.h"

namespace partialfc {

// What it was asked for since the program began.
struct FakeCublas {
  int searches = 0;                     // for an algorithm
  int alive = 0;                        // handles and descriptions that have not been destroyed
  std::vector<const void*> workspaces;  // of each product
  cublasComputeType_t compute_type{};   // of the last product
  uint32_t reduction_schemes = 0;       // of the last search
  bool has_algorithms = true;           // else every search comes back empty
};
FakeCublas& fake_cublas();
const CublasLibrary& fake_cublas_library();

}  // namespace partialfc
