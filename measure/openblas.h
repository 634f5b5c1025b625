// OpenBLAS: its products, its threads. Programs that never compute with it leave it out (without_openblas.cc): once loaded,
// it has a thread a core, and these spin.
#pragma once

#include <cstdint>
#include <string>

namespace partialfc {

// c (m, n) = op(a) · op(b) + beta · c; op(a) is (m, k), op(b) (k, n); all are contiguous.
void openblas_product(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const float* a,
                      const float* b, float beta, float* c);

// Of the process: those of its next products.
void set_openblas_threads(int threads);

struct OpenblasVersions {
  std::string built, found;  // "0.3.21"; empty: none
  std::string cpu;           // whose kernels it has chosen: "SkylakeX"
};
OpenblasVersions openblas_versions();

}  // namespace partialfc
