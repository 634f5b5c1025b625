// For this folder's tests: bytes in files, and errors by their message.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "partialfc/base/file.h"
#include "partialfc/base/test_support.h"

namespace partialfc {

inline std::vector<std::byte> to_bytes(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

inline void write_bytes(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  write_file_atomically(path, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace partialfc

// EXPECT that `action` throws an Error whose message holds `part`.
#define EXPECT_ERROR(action, part) \
  EXPECT_THAT(::partialfc::message_of([&] { action; }), ::testing::HasSubstr(part))
