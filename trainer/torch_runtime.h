// What the rest of the program asks of libtorch itself, for those who do not include it.
#pragma once

#include <string>

namespace partialfc {

// Threads that libtorch's operations use from now on.
void set_torch_threads(int threads);

struct TorchVersions {
  std::string built;        // version that this program was built with
  std::string library;      // where the library was loaded from: it does not tell its version in words
  std::string blas;         // where its matrix products come from, a file
  int cuda = 0, cudnn = 0;  // that it was built with, as they count: 13020, 92600; 0: none
};
TorchVersions torch_versions();

}  // namespace partialfc
