// What the rest of the program asks of libtorch itself, for those who do not include it.
#pragma once

#include <string>

namespace partialfc {

// Threads that libtorch's operations use from now on.
void set_torch_threads(int threads);

struct TorchVersions {
  std::string built;    // version that this program was built with
  std::string library;  // where the library was loaded from: it does not tell its version in words
  std::string cuda;     // CUDA runtime that the library has, as "11.8"; empty: none
};
TorchVersions torch_versions();

}  // namespace partialfc
