// The part of `partialfc check` about libraries: versions as built with and as loaded, and what of CUDA lies about.
#pragma once

#include <string>

#include "check/check_list.h"
#include "check/cuda_libraries.h"

namespace partialfc {

// mpirun: the first line of `mpirun --version`; empty where there is none.
void check_versions(CheckList& list, const CudaLibraries& cuda, const std::string& mpirun);

// The first line that the program prints, or empty where it is not there.
std::string first_line_of(const std::vector<std::string>& command);

}  // namespace partialfc
