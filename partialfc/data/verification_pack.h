// Verification packs (.bin): a Python pickle of the pair (bins, issame), where bins is a list of 2·P encoded images and
// issame a list of P truth values: images 2i and 2i + 1 show the same class where same[i] is true.
//
// Read: pickle protocols 0 to 5; an image is `bytes` or a one-dimensional numpy array of uint8, issame a list or a
// numpy array. Nothing in the file is ever executed, see pickle.h. Written: protocol 3, lists of bytes and bool.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace partialfc {

struct VerificationPack {
  std::vector<std::vector<std::byte>> images;  // 2P encoded images
  std::vector<uint8_t> same;                   // P, 1 where images 2i and 2i + 1 are of one class
};

VerificationPack read_verification_pack(const std::filesystem::path& path);

// The same from memory. Its errors know no file.
VerificationPack parse_verification_pack(std::vector<std::byte> contents);

// The file appears whole or not at all.
void write_verification_pack(const std::filesystem::path& path, const VerificationPack& pack);

}  // namespace partialfc
