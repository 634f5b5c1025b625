// The functions of libcublasLt that the layer calls. Internal to kernels/.
//
// The library is loaded when the first product is made, not linked: a program with CUDA then starts where there is none, and in
// a Python process takes the library that is there already.
#pragma once

#include <cublasLt.h>

namespace partialfc {

struct CublasLibrary {
  decltype(&cublasLtCreate) create;
  decltype(&cublasLtDestroy) destroy;
  decltype(&cublasLtGetStatusString) status_string;
  decltype(&cublasLtMatmulDescCreate) create_operation;
  decltype(&cublasLtMatmulDescDestroy) destroy_operation;
  decltype(&cublasLtMatmulDescSetAttribute) set_operation;
  decltype(&cublasLtMatrixLayoutCreate) create_layout;
  decltype(&cublasLtMatrixLayoutDestroy) destroy_layout;
  decltype(&cublasLtMatmulPreferenceCreate) create_preference;
  decltype(&cublasLtMatmulPreferenceDestroy) destroy_preference;
  decltype(&cublasLtMatmulPreferenceSetAttribute) set_preference;
  decltype(&cublasLtMatmulAlgoGetHeuristic) find_algorithms;
  decltype(&cublasLtMatmul) multiply;
};

// Of the version whose header this was compiled with: where the process has it or the system finds it, else in the toolkit's
// folder of the build. Throws Error with what was tried.
const CublasLibrary& cublas_library();

}  // namespace partialfc
