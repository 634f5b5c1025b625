// CRC-32C (Castagnoli, RFC 3720 appendix B.4): the checksum of TFRecord framing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace partialfc {

uint32_t crc32c(std::span<const std::byte> bytes);

}  // namespace partialfc
