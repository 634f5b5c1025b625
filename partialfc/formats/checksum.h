// Checksums of saved files: XXH3, 64 bits, as 16 hexadecimal digits, highest first (what `xxhsum -H3`
// prints).
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

struct XXH3_state_s;

namespace partialfc {

// The checksum of bytes that come in pieces.
class Checksum {
 public:
  Checksum();
  void update(std::span<const std::byte> bytes);
  std::string hex() const;  // of all bytes so far

 private:
  struct FreeState {
    void operator()(XXH3_state_s* state) const;
  };
  std::unique_ptr<XXH3_state_s, FreeState> state_;
};

std::string checksum_of_file(const std::filesystem::path& path);

}  // namespace partialfc
