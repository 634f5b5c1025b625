// measure/openblas.h in a program that does not load OpenBLAS.
#include "measure/openblas.h"
#include "partialfc/base/error.h"

namespace partialfc {

void openblas_product(bool, bool, int64_t, int64_t, int64_t, const float*, const float*, float, float*) {
  throw InternalError("a product by OpenBLAS in a program without it");
}

void set_openblas_threads(int) {}

OpenblasVersions openblas_versions() { return {}; }

}  // namespace partialfc
