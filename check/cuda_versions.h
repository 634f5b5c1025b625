// The part of `partialfc check` about CUDA: what this program and libtorch were built with, beside what lies on this machine.
#pragma once

#include <string>

#include "check/check_list.h"
#include "check/cuda_libraries.h"

namespace partialfc {

// What is said behind something that is found and of no use.
constexpr const char* kNotUsed = ", not used: this program was built without CUDA";

// Versions as text; empty: built without.
struct CudaBuild {
  std::string kernels;      // the toolkit that compiled this program's kernels, "13.0.88"
  std::string torch;        // libtorch's CUDA, "13.2"
  std::string torch_cudnn;  // "9.26.0"
};

// toolkit: nvcc's version on this machine; empty where there is none.
void check_cuda_versions(CheckList& list, const CudaBuild& built, const CudaLibraries& found,
                         const std::string& toolkit);

}  // namespace partialfc
