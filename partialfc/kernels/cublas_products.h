// The three products by cuBLASLt. Internal to kernels/.
//
// Equal inputs give equal bits: algorithms that add up parts in whatever order they come are left out. One algorithm a shape is
// looked for, when the shape is first met; each stream has a workspace of its own.
#pragma once

#include <memory>

#include "partialfc/kernels/cublas_library.h"
#include "partialfc/kernels/device_products.h"

namespace partialfc {

// `library` outlives the object.
template <class T>
std::unique_ptr<DeviceProducts<T>> make_cublas_products(const CublasLibrary& library, bool tf32);

}  // namespace partialfc
