#include "partialfc/base/fingerprint.h"

#include <xxhash.h>

namespace partialfc {

// What came before is the seed, so that ("ab", "c") and ("a", "bc") differ.
void Fingerprint::add(std::span<const std::byte> bytes) {
  value_ = XXH3_64bits_withSeed(bytes.data(), bytes.size(), value_);
}

}  // namespace partialfc
