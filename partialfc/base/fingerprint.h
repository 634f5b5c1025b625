// A number that stands for a sequence of values: equal sequences have equal fingerprints, different ones almost surely
// different ones (XXH3, 64 bits). For comparing within one run; files keep checksums of their own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace partialfc {

class Fingerprint {
 public:
  void add(std::span<const std::byte> bytes);  // one value
  void add(std::string_view text) { add(std::as_bytes(std::span(text))); }
  void add(int64_t number) { add(std::as_bytes(std::span(&number, 1))); }
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 0;
};

}  // namespace partialfc
