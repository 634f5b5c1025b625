// Streams, events, copies and kernels that use each of a block's means: the same on the simulator and on a GPU.
#include <gmock/gmock.h>

#include <cmath>
#include <numeric>
#include <random>

#include "partialfc/device/test_device.h"
#include "partialfc/device/test_kernels.h"

namespace partialfc {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;

std::vector<float> whole_numbers(int64_t n) {
  std::vector<float> x(static_cast<size_t>(n));
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * 7 % 31) - 15;
  return x;
}

TEST_F(DeviceTest, AKernelScales) {
  for (const int64_t n : {1, 127, 128, 129, 5000}) {
    const auto x = whole_numbers(n);
    const auto on_device = to_device(x);
    const DeviceBuffer<float> y(n);
    Stream stream;
    scale(on_device.span(), 3, y.span(), stream);
    auto expected = x;
    for (float& value : expected) value *= 3;
    EXPECT_THAT(to_host(y.span(), stream), ElementsAreArray(expected));
  }
}

TEST_F(DeviceTest, AnEmptyGridIsNothing) {
  Stream stream;
  scale({}, 3, {}, stream);
  stream.synchronize();
}

TEST_F(DeviceTest, VectorsOfFour) {
  const auto x = whole_numbers(1000);
  const auto on_device = to_device(x);
  const DeviceBuffer<float> y(1000);
  Stream stream;
  copy_vectors(on_device.span(), y.span(), stream);
  EXPECT_THAT(to_host(y.span(), stream), ElementsAreArray(x));
}

TEST_F(DeviceTest, AWarpARow) {
  constexpr int64_t kRows = 103, kCols = 520;
  std::vector<BFloat16> x;
  for (const float value : whole_numbers(kRows * kCols)) x.push_back(to_bfloat16(value));
  const auto on_device = to_device(x);
  const DeviceBuffer<float> norms(kRows);
  Stream stream;
  inverse_norms(on_device.matrix(kRows, kCols), norms.span(), stream);
  const auto result = to_host(norms.span(), stream);
  for (size_t i = 0; i < kRows; ++i) {
    double square = 0;
    for (size_t j = 0; j < kCols; ++j) square += std::pow(to_float(x[i * kCols + j]), 2);
    EXPECT_NEAR(result[i] * std::sqrt(square), 1, 1e-6) << i;
  }
}

TEST_F(DeviceTest, SumsByBlocks) {
  constexpr int64_t kRows = 57, kCols = 130;
  const auto x = whole_numbers(kRows * kCols);
  const auto on_device = to_device(x);
  const DeviceBuffer<float> sums(kCols);
  Stream stream;
  clear(sums.span(), stream);
  column_sums(on_device.matrix(kRows, kCols), sums.span(), stream);
  std::vector<float> expected(kCols);
  for (size_t i = 0; i < x.size(); ++i) expected[i % kCols] += x[i];
  EXPECT_THAT(to_host(sums.span(), stream), ElementsAreArray(expected));
}

TEST_F(DeviceTest, CompactsInOrder) {
  std::vector<int> flags(1000), expected;
  std::mt19937 random(1);
  for (int i = 0; i < 1000; ++i)
    if ((flags[static_cast<size_t>(i)] = random() % 3 == 0)) expected.push_back(i);
  const auto on_device = to_device(flags);
  const DeviceBuffer<int> kept(1000), count(1);
  Stream stream;
  compact(on_device.span(), kept.span(), count.span(), stream);
  ASSERT_THAT(to_host(count.span(), stream), ElementsAre(expected.size()));
  EXPECT_THAT(to_host(kept.first(std::ssize(expected)), stream), ElementsAreArray(expected));
}

TEST_F(DeviceTest, TransposesEveryType) {
  constexpr int64_t kRows = 37, kCols = 50;
  const auto x = whole_numbers(kRows * kCols);
  std::vector<float> expected(x.size());
  for (size_t i = 0; i < kRows; ++i)
    for (size_t j = 0; j < kCols; ++j) expected[j * kRows + i] = x[i * kCols + j];
  Stream stream;

  const auto on_device = to_device(x);
  const DeviceBuffer<float> y(kRows * kCols);
  transpose(on_device.matrix(kRows, kCols), y.matrix(kCols, kRows), stream);
  EXPECT_THAT(to_host(y.span(), stream), ElementsAreArray(expected));

  std::vector<BFloat16> narrow;
  for (const float value : x) narrow.push_back(to_bfloat16(value));
  const auto narrow_on_device = to_device(narrow);
  const DeviceBuffer<BFloat16> z(kRows * kCols);
  transpose(narrow_on_device.matrix(kRows, kCols), z.matrix(kCols, kRows), stream);
  std::vector<float> wide;
  for (const BFloat16 value : to_host(z.span(), stream)) wide.push_back(to_float(value));
  EXPECT_THAT(wide, ElementsAreArray(expected));
}

TEST_F(DeviceTest, WarpFunctions) {
  const DeviceBuffer<int> results(kWarpResults * 32);
  Stream stream;
  warp_functions(results.matrix(kWarpResults, 32), stream);
  const auto got = to_host(results.span(), stream);
  const auto value = [](int lane) { return 3 * lane + 1; };
  int odd = 0, sum = 0, bits_or = 0, bits_xor = 0, bits_and = ~0, half[2] = {};
  for (int lane = 0; lane < 32; ++lane) {
    odd |= (value(lane) % 2) << lane;
    sum += value(lane), half[lane / 16] += value(lane);
    bits_or |= value(lane), bits_xor ^= value(lane), bits_and &= value(lane) | 64;
  }
  for (int lane = 0; lane < 32; ++lane) {
    std::vector<int> mine;
    for (int i = 0; i < kWarpResults; ++i) mine.push_back(got[static_cast<size_t>(32 * i + lane)]);
    EXPECT_THAT(mine, ElementsAre(value(5), value(lane / 8 * 8 + (lane + 1) % 8), value(lane ^ 3),
                                  value(lane < 2 ? lane : lane - 2), value(lane % 16 < 14 ? lane + 2 : lane),
                                  odd, 1, 0, sum, -value(31), value(31), bits_or, bits_xor, bits_and,
                                  half[lane / 16], value(lane / 16 * 16)))
        << lane;
  }
}

TEST_F(DeviceTest, AnEventOrdersStreams) {
  constexpr int64_t kSize = 1 << 16;
  const auto x = whole_numbers(kSize);
  const auto on_device = to_device(x);
  const DeviceBuffer<float> middle(kSize), y(kSize);
  Stream first, second;
  scale(on_device.span(), 2, middle.span(), first);
  const Event scaled(first);
  second.wait(scaled);
  scale(middle.span(), 5, y.span(), second);
  auto expected = x;
  for (float& value : expected) value *= 10;
  EXPECT_THAT(to_host(y.span(), second), ElementsAreArray(expected));
}

// What a stream waits for is the event as it was recorded by then.
TEST_F(DeviceTest, AnEventThatIsRecordedAnew) {
  const auto x = whole_numbers(100);
  const auto on_device = to_device(x);
  const DeviceBuffer<float> middle(100), y(100);
  Stream first, second;
  Event done;
  scale(on_device.span(), 2, middle.span(), first);
  done.record(first);
  second.wait(done);
  scale(middle.span(), 1, y.span(), second);
  const Event read(second);
  first.wait(read);
  scale(on_device.span(), 7, middle.span(), first);
  done.record(first);  // were this what `second` waits for, the two would wait for each other
  done.synchronize();
  EXPECT_EQ(to_host(y.span(), second)[0], 2 * x[0]);
  EXPECT_EQ(to_host(middle.span(), first)[0], 7 * x[0]);
}

TEST_F(DeviceTest, AskingMakesProgress) {
  const auto x = whole_numbers(100);
  const auto on_device = to_device(x);
  const DeviceBuffer<float> y(100);
  Stream stream;
  Event event;
  EXPECT_TRUE(event.is_done());
  for (int i = 0; i < 5; ++i) scale(on_device.span(), 2, y.span(), stream);
  event.record(stream);
  while (!event.is_done()) {
  }
  while (!runtime::is_idle(stream.handle())) {
  }
  EXPECT_GE(runtime::seconds_between(event.handle(), event.handle()), 0);
}

TEST_F(DeviceTest, CopiesRows) {
  const auto x = whole_numbers(6 * 10);
  const auto on_device = to_device(x);
  const PinnedBuffer<float> y(6 * 3);
  Stream stream;
  runtime::copy_rows(y.span().data(), 3 * sizeof(float), on_device.span().address + 4, 10 * sizeof(float),
                     3 * sizeof(float), 6, stream.handle());
  stream.synchronize();
  for (int i = 0; i < 6; ++i)
    for (int j = 0; j < 3; ++j) EXPECT_EQ(y[i * 3 + j], x[static_cast<size_t>(i * 10 + 4 + j)]);
}

TEST_F(DeviceTest, PropertiesAndMemory) {
  const auto properties = runtime::properties(0);
  EXPECT_FALSE(properties.name.empty());
  EXPECT_GE(properties.major, 7);
  EXPECT_GT(properties.multiprocessors, 0);
  EXPECT_GT(properties.memory_bytes, 1 << 20);
  EXPECT_LE(runtime::free_memory(0), properties.memory_bytes);
  EXPECT_THROW(DeviceBuffer<char>(properties.memory_bytes * 2), Error);
}

}  // namespace
}  // namespace partialfc
