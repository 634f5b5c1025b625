// What goes into a step and through its collectives, on the host or on a device.
#pragma once

#include <cstdint>
#include <span>

#include "partialfc/base/matrix.h"
#include "partialfc/device/view.h"

namespace partialfc {

// What a row of collective 1 takes, in floats: x (D) and, of twice their width, y.
constexpr int64_t message_width(int64_t dim) { return dim + 2; }

// A rank's rows of a step (n, D), labels (n): −1 takes no part; gradients (n, D) are what forward() writes. On the host, or on
// the device of the visits, in the order of its stream.
struct HostFeatures {
  MatrixView<const float> features;
  std::span<const int64_t> labels;
  MatrixView<float> gradients;
};
struct DeviceFeatures {
  DeviceMatrix<const float> features;
  DeviceSpan<const int64_t> labels;
  DeviceMatrix<float> gradients;
};

// A message of which each of R ranks has a part: mine (n), all (R · n), rank after rank. In the host's memory, or in the
// device's where the communicator is on it. Lasts until the next verb.
struct Exchange {
  std::span<float> mine, all;
  DeviceSpan<float> device_mine, device_all;
};
// A message that is reduced in place.
struct Message {
  std::span<float> host;
  DeviceSpan<float> device;
};

}  // namespace partialfc
