#include "measure/product_floor.h"

#include "measure/device_floor.h"
#include "measure/gemm_floor.h"

namespace partialfc {

std::unique_ptr<ProductFloor> make_product_floor(const ProductFloorOptions& options) {
  if (options.device.is_gpu) return make_device_floor(options);
  return std::make_unique<GemmFloor>(options);
}

}  // namespace partialfc
