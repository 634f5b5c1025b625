#include "partialfc/base/error.h"
#include "trainer/torch_gpu.h"

namespace partialfc {

bool torch_has_gpus() { return false; }

void compute_with_torch_in(Stream&, int) { PFC_CHECK(false, "a libtorch without GPUs"); }

void compute_with_torch_alone(int) { PFC_CHECK(false, "a libtorch without GPUs"); }

}  // namespace partialfc
