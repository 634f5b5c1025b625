// Lines and numbers of text files, without a copy.
#pragma once

#include <charconv>
#include <cstdint>
#include <string_view>

namespace partialfc {

// Calls visit(line_number, line) for each line, from 1, without its end ("\n" or "\r\n"). A file that ends in a line
// end has no empty last line.
template <class Visit>
void for_each_line(std::string_view text, Visit&& visit) {
  for (int64_t number = 1; !text.empty(); ++number) {
    const size_t length = text.find('\n');
    std::string_view line = text.substr(0, length);
    text.remove_prefix(length == std::string_view::npos ? text.size() : length + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    visit(number, line);
  }
}

// False unless the whole of `text` is one number in T's range.
template <class T>
bool parse_number(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace partialfc
