#include "partialfc/data/pickle_text.h"

#include <cstdint>
#include <vector>

#include "partialfc/base/error.h"

namespace partialfc {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  fail("\"{}\" is not a hexadecimal digit", c);
}

// Takes `digits` hexadecimal digits off the front of `text`.
uint32_t take_hex(std::string_view& text, size_t digits) {
  if (text.size() < digits) fail("an escape sequence is cut short");
  uint32_t value = 0;
  for (size_t i = 0; i < digits; ++i) value = value << 4 | hex_digit(text[i]);
  text.remove_prefix(digits);
  return value;
}

}  // namespace

std::span<const std::byte> unescape_unicode(PickleStore& store, std::string_view line) {
  std::vector<std::byte>& out = store.add_bytes(2 * line.size());
  size_t count = 0;
  while (!line.empty()) {
    uint32_t character = static_cast<uint8_t>(line[0]);
    const bool escaped = line.starts_with("\\u") || line.starts_with("\\U");
    const size_t digits = line.starts_with("\\u") ? 4 : 8;
    line.remove_prefix(escaped ? 2 : 1);
    if (escaped) character = take_hex(line, digits);
    if (character > 0xff) fail("refuses text with characters above U+00FF");
    if (character < 0x80) {
      out[count++] = static_cast<std::byte>(character);
    } else {
      out[count++] = static_cast<std::byte>(0xc0 | character >> 6);
      out[count++] = static_cast<std::byte>(0x80 | (character & 0x3f));
    }
  }
  return std::span(out).first(count);
}

std::span<const std::byte> unquote(PickleStore& store, std::string_view line) {
  const bool quoted =
      line.size() >= 2 && line.front() == line.back() && (line.front() == '\'' || line.front() == '"');
  if (!quoted) fail("a string has no quotes");
  line = line.substr(1, line.size() - 2);
  std::vector<std::byte>& out = store.add_bytes(line.size());
  size_t count = 0;
  while (!line.empty()) {
    char c = line[0];
    line.remove_prefix(1);
    if (c == '\\') {
      constexpr std::string_view kNames = "\\'\"nrt", kMeanings = "\\'\"\n\r\t";
      if (line.empty()) fail("an escape sequence is cut short");
      const char name = line[0];
      line.remove_prefix(1);
      if (name == 'x')
        c = static_cast<char>(take_hex(line, 2));
      else if (const size_t i = kNames.find(name); i != std::string_view::npos)
        c = kMeanings[i];
      else
        fail("a string holds the unknown escape sequence \"\\{}\"", name);
    }
    out[count++] = static_cast<std::byte>(c);
  }
  return std::span(out).first(count);
}

}  // namespace partialfc
