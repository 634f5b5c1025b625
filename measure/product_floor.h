// The time that the best matrix library takes for the head's three products, and nothing else:
//
//     logits (N, S) = x̂ (N, D) · ŵᵀ (D, S),   U (N, D) = E (N, S) · ŵ (S, D),   gradient (S, D) = Eᵀ (S, N) · x̂ (N, D)
//
// on contiguous operands: no gather, no softmax, no optimizer. A step of the head cannot be much faster than this, and
// what it takes longer is what the rest of it costs.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "partialfc/base/precision.h"
#include "partialfc/device/device_name.h"

namespace partialfc {

struct ProductFloorOptions {
  int64_t batch = 0, samples = 0, dim = 0;    // N, S, D
  int threads = 1;                            // on the CPU
  Precision precision = Precision::kFloat32;  // of the operands
  DeviceName device;
  bool tf32 = false;  // on a GPU: float32 products may round their operands to TF32
};

class ProductFloor {
 public:
  static constexpr int kProducts = 3;
  static constexpr std::array<const char*, kProducts> kProductNames = {"logits", "u", "gradient"};

  virtual ~ProductFloor() = default;
  // Seconds of each product now.
  virtual std::array<double, kProducts> measure() = 0;
  // The library that makes it.
  virtual const std::string& way(int product) const = 0;
};

std::unique_ptr<ProductFloor> make_product_floor(const ProductFloorOptions& options);

}  // namespace partialfc
