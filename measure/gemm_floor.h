// The time that the best matrix library on this machine takes for the head's three products, and nothing else:
//
//     logits (N, S) = x̂ (N, D) · ŵᵀ (D, S),   U (N, D) = E (N, S) · ŵ (S, D),   gradient (S, D) = Eᵀ (S, N) · x̂ (N, D)
//
// on contiguous operands: no gather, no softmax, no optimizer. A step of the head cannot be much faster than this, and
// what it takes longer is what the rest of it costs.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "partialfc/base/precision.h"

namespace partialfc {

struct GemmFloorOptions {
  int64_t batch = 0, samples = 0, dim = 0;  // N, S, D
  int threads = 1;
  Precision precision = Precision::kFloat32;  // of the operands
};

class GemmFloor {
 public:
  static constexpr int kProducts = 3;
  static constexpr std::array<const char*, kProducts> kProductNames = {"logits", "u", "gradient"};

  // Tries for each product every way there is, and keeps the fastest. Float32: OpenBLAS with its own threads, OpenBLAS
  // on our threads tile by tile, oneDNN. bfloat16: oneDNN.
  //
  // This and measure() change OpenBLAS's number of threads, and leave it at 1: no other thread may compute with
  // OpenBLAS meanwhile.
  explicit GemmFloor(const GemmFloorOptions& options);
  ~GemmFloor();

  // Seconds of each product now, by the way that was the fastest.
  std::array<double, kProducts> measure();
  // That way's name.
  const std::string& way(int product) const { return fastest_[product].name; }

 private:
  struct Operands;
  struct Way {
    std::string name;
    std::function<void()> run;
  };

  std::vector<Way> ways_of(int product, const GemmFloorOptions& options);

  std::unique_ptr<Operands> operands_;
  std::array<Way, kProducts> fastest_;
};

}  // namespace partialfc
