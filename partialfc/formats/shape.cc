#include "partialfc/formats/shape.h"

#include <algorithm>
#include <limits>

#include "partialfc/base/error.h"

namespace partialfc {

uint64_t shape_bytes(std::span<const int64_t> shape, uint64_t bytes_per_element) {
  if (std::ranges::find(shape, 0) != shape.end()) return 0;
  uint64_t bytes = bytes_per_element;
  for (const int64_t extent : shape) {
    PFC_CHECK(extent > 0, "extent {}", extent);
    if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(extent), &bytes))
      return std::numeric_limits<uint64_t>::max();
  }
  return bytes;
}

std::string shape_text(std::span<const int64_t> shape) { return fmt::format("({})", fmt::join(shape, ", ")); }

}  // namespace partialfc
