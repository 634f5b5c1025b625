// CUDA and NCCL as they lie on this machine: libraries that are looked for, not linked.
#pragma once

#include <string>
#include <vector>

namespace partialfc {

// Versions as text; empty where the library is absent.
struct CudaLibraries {
  std::string driver;                // libcuda.so.1: the newest CUDA that it runs
  std::string runtime;               // libcudart
  std::string nccl;                  // libnccl.so.2
  std::string cudnn;                 // libcudnn
  std::vector<std::string> devices;  // name and memory of each GPU
  std::string device_error;          // why a driver that is there shows none
};

CudaLibraries find_cuda_libraries();

// 12040 → "12.4", as CUDA counts.
std::string cuda_version_text(int version);
// 92600 → "9.26.0", as cuDNN counts; before 9 it was 8907 → "8.9.7".
std::string cudnn_version_text(int version);

}  // namespace partialfc
