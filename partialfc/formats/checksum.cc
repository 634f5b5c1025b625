#include "partialfc/formats/checksum.h"

#include <xxhash.h>

#include <new>
#include <vector>

#include "partialfc/base/error.h"
#include "partialfc/base/file.h"

namespace partialfc {

void Checksum::FreeState::operator()(XXH3_state_s* state) const { XXH3_freeState(state); }

Checksum::Checksum() : state_(XXH3_createState()) {
  if (!state_) throw std::bad_alloc();
  PFC_CHECK(XXH3_64bits_reset(state_.get()) == XXH_OK);
}

void Checksum::update(std::span<const std::byte> bytes) {
  PFC_CHECK(XXH3_64bits_update(state_.get(), bytes.data(), bytes.size()) == XXH_OK);
}

std::string Checksum::hex() const { return fmt::format("{:016x}", XXH3_64bits_digest(state_.get())); }

std::string checksum_of_file(const std::filesystem::path& path) {
  const InputFile file(path);
  std::vector<std::byte> piece(1 << 20);
  Checksum checksum;
  for (uint64_t offset = 0; offset < file.size();) {
    const size_t got = file.read_at(offset, piece);
    if (got == 0) fail("{}: {} bytes when opened, it ends after {} now", path.string(), file.size(), offset);
    checksum.update(std::span(piece).first(got));
    offset += got;
  }
  return checksum.hex();
}

}  // namespace partialfc
