#include "partialfc/device/simt/traffic.h"

#include <gmock/gmock.h>

#include "partialfc/device/test_device.h"
#include "partialfc/device/test_kernels.h"

namespace partialfc::simt {

void PrintTo(const Traffic::Counts& counts, std::ostream* out) {
  *out << counts.launches << " launches, " << counts.loaded_bytes << " loaded, " << counts.stored_bytes
       << " stored";
}

namespace {

using testing::AllOf;
using testing::Field;

testing::Matcher<Traffic::Counts> counts(int64_t launches, int64_t loaded, int64_t stored) {
  return AllOf(Field(&Traffic::Counts::launches, launches), Field(&Traffic::Counts::loaded_bytes, loaded),
               Field(&Traffic::Counts::stored_bytes, stored));
}

TEST(TrafficTest, LoadsAndStores) {
  const auto x = to_device(std::vector<float>(1001, 1));
  const DeviceBuffer<float> y(1001);
  Stream stream;
  const Traffic traffic;
  scale(x.span(), 2, y.span(), stream);
  EXPECT_THAT(traffic.of("scale"), counts(0, 0, 0));  // it has not run yet
  stream.synchronize();
  EXPECT_THAT(traffic.of("scale"), counts(1, 4 * 1001, 4 * 1001));
  scale(x.first(10), 2, y.first(10), stream);
  stream.synchronize();
  EXPECT_THAT(traffic.of("scale"), counts(2, 4 * 1011, 4 * 1011));
}

TEST(TrafficTest, VectorsOfSixteenBytes) {
  const auto x = to_device(std::vector<float>(1000, 1));
  const DeviceBuffer<float> y(1000);
  Stream stream;
  const Traffic traffic;
  copy_vectors(x.span(), y.span(), stream);
  stream.synchronize();
  EXPECT_THAT(traffic.of("copy_vectors"), counts(1, 4000, 4000));
}

TEST(TrafficTest, HalvesOfAWord) {
  const auto x = to_device(std::vector<BFloat16>(37 * 50));
  const DeviceBuffer<BFloat16> y(37 * 50);
  Stream stream;
  const Traffic traffic;
  transpose(x.matrix(37, 50), y.matrix(50, 37), stream);
  stream.synchronize();
  EXPECT_THAT(traffic.of("transpose"), counts(1, 2 * 37 * 50, 2 * 37 * 50));
}

// Five blocks add their sums with an atomic function each; what is shared does not count.
TEST(TrafficTest, AtomicsCountBothWays) {
  const auto x = to_device(std::vector<float>(57 * 130, 1));
  const DeviceBuffer<float> sums(130);
  Stream stream;
  clear(sums.span(), stream);
  const Traffic traffic;
  column_sums(x.matrix(57, 130), sums.span(), stream);
  stream.synchronize();
  EXPECT_THAT(traffic.of("column_sums"), counts(1, 4 * 57 * 130 + 4 * 5 * 130, 4 * 5 * 130));
  EXPECT_THAT(traffic.of("scale"), counts(0, 0, 0));
}

TEST(TrafficTest, CountsOnlyWhileItLives) {
  const auto x = to_device(std::vector<float>(100, 1));
  const DeviceBuffer<float> y(100);
  Stream stream;
  scale(x.span(), 2, y.span(), stream);
  stream.synchronize();
  const Traffic traffic;
  EXPECT_THAT(traffic.of("scale"), counts(0, 0, 0));
}

}  // namespace
}  // namespace partialfc::simt
