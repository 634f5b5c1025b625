#include "partialfc/base/error.h"

#include <system_error>

namespace partialfc {

std::string errno_text(int code) { return std::generic_category().message(code); }

namespace detail {

void check_failed(const char* condition, const char* file, int line, std::string details) {
  throw InternalError(fmt::format("{}:{}: broken invariant `{}`{}{}; this is a bug in partialfc", file, line,
                                  condition, details.empty() ? "" : ": ", details));
}

}  // namespace detail
}  // namespace partialfc
