#include "partialfc/device/device_name.h"

#include <charconv>

#include "partialfc/base/error.h"

namespace partialfc {

DeviceName parse_device_name(std::string_view text) {
  if (text == "cpu") return {};
  if (text == "cuda") return {.is_gpu = true};
  constexpr std::string_view kPrefix = "cuda:";
  int ordinal = 0;
  if (text.starts_with(kPrefix)) {
    const std::string_view number = text.substr(kPrefix.size());
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), ordinal);
    if (error == std::errc() && end == number.data() + number.size() && ordinal >= 0)
      return {.is_gpu = true, .ordinal = ordinal};
  }
  fail_usage("device \"{}\": say cpu, cuda, or cuda: and a number from 0, such as cuda:1", text);
}

std::string to_string(const DeviceName& device) {
  return device.is_gpu ? fmt::format("cuda:{}", device.ordinal) : "cpu";
}

}  // namespace partialfc
