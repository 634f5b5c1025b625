// How users name what computes: "cpu", "cuda" (the first GPU, or a rank's own), "cuda:1".
#pragma once

#include <string>
#include <string_view>

namespace partialfc {

struct DeviceName {
  bool is_gpu = false;
  int ordinal = 0;  // of the GPU

  bool operator==(const DeviceName&) const = default;
};

// Throws UsageError with what there is to say.
DeviceName parse_device_name(std::string_view text);
std::string to_string(const DeviceName& device);

}  // namespace partialfc
