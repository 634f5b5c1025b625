// Shapes of arrays as files state them: extents from outermost to innermost.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace partialfc {

// Bytes of an array of this shape. Extents come from files: where the product does not fit 64 bits it is 2^64
// − 1, which no file has.
uint64_t shape_bytes(std::span<const int64_t> shape, uint64_t bytes_per_element);

// "(2, 3)"
std::string shape_text(std::span<const int64_t> shape);

}  // namespace partialfc
