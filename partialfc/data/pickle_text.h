// Strings as protocol 0 writes them, one a line and escaped. Private to pickle.cc.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "partialfc/data/pickle.h"

namespace partialfc {

// The text of Python 3 (and the unicode of Python 2): Latin-1, and \uXXXX or \UXXXXXXXX → UTF-8. Characters above
// U+00FF are refused.
std::span<const std::byte> unescape_unicode(PickleStore& store, std::string_view line);

// The str of Python 2, in quotes, with \xXX and the like → its bytes.
std::span<const std::byte> unquote(PickleStore& store, std::string_view line);

}  // namespace partialfc
