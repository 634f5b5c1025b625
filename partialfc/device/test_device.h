// What tests of kernels share. One body runs in two programs: on the simulator, and on a GPU.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "partialfc/device/buffer.h"

namespace partialfc {

// The fixture of tests that need a device: where there is none they are not run, and say so.
class DeviceTest : public testing::Test {
 protected:
  void SetUp() override {
    if (runtime::device_count() == 0) GTEST_SKIP() << "no GPU";
  }
};

template <class T>
DeviceBuffer<T> to_device(const std::vector<T>& values) {
  DeviceBuffer<T> buffer(std::ssize(values));
  Stream stream;
  copy(std::span(values), buffer.span(), stream);
  stream.synchronize();
  return buffer;
}

template <class T>
std::vector<std::remove_const_t<T>> to_host(DeviceSpan<T> span, Stream& stream) {
  std::vector<std::remove_const_t<T>> values(static_cast<size_t>(span.size));
  copy(span, std::span(values), stream);
  stream.synchronize();
  return values;
}

}  // namespace partialfc
