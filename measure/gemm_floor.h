// The floor of the head's products on the CPU, by the best matrix library on this machine.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "measure/product_floor.h"

namespace partialfc {

class GemmFloor final : public ProductFloor {
 public:
  // Tries for each product every way there is, and keeps the fastest. Float32: OpenBLAS with its own threads, OpenBLAS
  // on our threads tile by tile, oneDNN. bfloat16: oneDNN, without which it throws UsageError.
  //
  // This and measure() change OpenBLAS's number of threads, and leave it at 1: no other thread may compute with
  // OpenBLAS meanwhile.
  explicit GemmFloor(const ProductFloorOptions& options);
  ~GemmFloor() override;

  std::array<double, kProducts> measure() override;  // by the ways that were the fastest
  const std::string& way(int product) const override { return fastest_[product].name; }

 private:
  struct Operands;
  struct Way {
    std::string name;
    std::function<void()> run;
  };

  std::vector<Way> ways_of(int product, const ProductFloorOptions& options);

  std::unique_ptr<Operands> operands_;
  std::array<Way, kProducts> fastest_;
};

}  // namespace partialfc
