// The floor of the head's products on a GPU, as the head makes them but each in one piece.
#pragma once

#include "measure/product_floor.h"

namespace partialfc {

// The timings are the device's own. Throws Error where its memory is short.
std::unique_ptr<ProductFloor> make_device_floor(const ProductFloorOptions& options);

}  // namespace partialfc
