// An argument as a word of a POSIX shell.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace partialfc {

// The argument itself where a shell takes each of its letters as it is, else in single quotes: it's → 'it'\''s'
std::string shell_quoted(std::string_view argument);

// All arguments, quoted, with a blank between.
std::string shell_line(const std::vector<std::string>& arguments);

}  // namespace partialfc
