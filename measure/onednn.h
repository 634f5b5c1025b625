// oneDNN's products, of versions 2 and 3. Where the program was built without it (without_onednn.cc) there are none.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "partialfc/base/precision.h"

namespace partialfc {

// What computes c (m, n) = op(a) · op(b), by oneDNN's OpenMP threads; empty without oneDNN. op(a) is (m, k), op(b) (k, n), both of
// `precision`, and c float32; all are contiguous.
std::function<void()> onednn_product(Precision precision, int threads, bool transpose_a, bool transpose_b,
                                     int64_t m, int64_t n, int64_t k, void* a, void* b, float* c);

struct OnednnVersions {
  std::string built, found;     // "2.6.0"; empty: none
  std::string instruction_set;  // of those that this CPU has the best one: "AVX-512"
};
OnednnVersions onednn_versions();

}  // namespace partialfc
