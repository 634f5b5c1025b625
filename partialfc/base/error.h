// Errors, of two kinds.
//
// What the user or the world can cause (files, options, network, memory) is an `Error`: its message says what
// is wrong, with both values, where (file, record, key), and what to do. `UsageError` is the part of these that
// the command line or the recipe is to blame for; the program ends with status 2 for it and with 1 for the rest.
//
// A broken invariant of our own is `PFC_CHECK`: it throws `InternalError`, which names the condition and the place.
// The library never prints, exits or aborts.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace partialfc {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class UsageError : public Error {
 public:
  using Error::Error;
};

class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

// Throws Error with a message put together by fmt: fail("{}: {} records, header says {}", path, n, m).
template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

template <class... Args>
[[noreturn]] void fail_usage(fmt::format_string<Args...> format, Args&&... args) {
  throw UsageError(fmt::format(format, std::forward<Args>(args)...));
}

// Text of errno value `code`, e.g. "No such file or directory".
std::string errno_text(int code);

namespace detail {
[[noreturn]] void check_failed(const char* condition, const char* file, int line, std::string details);
}  // namespace detail

}  // namespace partialfc

// PFC_CHECK(condition) or PFC_CHECK(condition, "rows {} != {}", a, b): an invariant of this library.
#define PFC_CHECK(condition, ...)                                              \
  do {                                                                         \
    if (!(condition)) [[unlikely]]                                             \
      ::partialfc::detail::check_failed(#condition, __FILE__, __LINE__,        \
                                        __VA_OPT__(::fmt::format(__VA_ARGS__)) \
                                            __VA_OPT__(+)::std::string());     \
  } while (false)
