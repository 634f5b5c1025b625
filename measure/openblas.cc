#include "measure/openblas.h"

#include <cblas.h>

namespace partialfc {

namespace {

// Of "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH …".
std::string version_in(const std::string& text) {
  const size_t begin = text.find("OpenBLAS ") + 9;
  return text.substr(begin, text.find(' ', begin) - begin);
}

}  // namespace

void openblas_product(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const float* a,
                      const float* b, float beta, float* c) {
  cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans,
              m, n, k, 1, a, transpose_a ? m : k, b, transpose_b ? k : n, beta, c, n);
}

void set_openblas_threads(int threads) { openblas_set_num_threads(threads); }

OpenblasVersions openblas_versions() {
  return {.built = version_in(OPENBLAS_VERSION),
          .found = version_in(openblas_get_config()),
          .cpu = openblas_get_corename()};
}

}  // namespace partialfc
