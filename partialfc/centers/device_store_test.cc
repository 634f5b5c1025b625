// Rows on a device, and in the host's memory behind frames there: as the host draws, reads and writes them.
#include "partialfc/centers/device_store.h"

#include <gmock/gmock.h>

#include <cstring>
#include <limits>
#include <numeric>

#include "partialfc/base/test_support.h"
#include "partialfc/device/test_device.h"

namespace partialfc {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr uint64_t kSeed = 7;

class DeviceStoreTest : public DeviceTest, public testing::WithParamInterface<int64_t> {
 protected:
  // Records of which 8 MiB, a piece on its way, hold 256.
  const RecordLayout layout_{.dim = 4096};
  const ClassPlacement placement_{1000, kSeed};
  ThreadTeam team_{1};

  std::unique_ptr<DeviceStore> store(Range positions) {
    return std::make_unique<DeviceStore>(placement_, positions, layout_, kSeed, GetParam());
  }
  std::vector<std::byte> read(DeviceStore& store, std::span<const int64_t> slots) {
    std::vector<std::byte> records(slots.size() * layout_.bytes());
    store.read_records(slots, records, team_);
    return records;
  }
};
INSTANTIATE_TEST_SUITE_P(FrameBytes, DeviceStoreTest, testing::Values(0, 1 << 20));

TEST_P(DeviceStoreTest, RowsOfSeveralPieces) {
  constexpr int64_t kFirst = 100, kRows = 600;
  const int64_t bytes = layout_.bytes();
  const auto store = this->store({kFirst, kFirst + kRows});
  std::vector<int64_t> slots(kRows);
  std::iota(slots.rbegin(), slots.rend(), 0);  // backwards
  std::vector<std::byte> drawn = read(*store, slots);
  for (const int64_t slot : {0, 87, 88, 255, 256, 511, 512, 599}) {
    const auto alone = this->store({kFirst + slot, kFirst + slot + 1});
    const std::byte* const record = &drawn[(kRows - 1 - slot) * bytes];
    EXPECT_EQ(read(*alone, std::vector<int64_t>{0}), std::vector<std::byte>(record, record + bytes)) << slot;
  }
  EXPECT_EQ(store->rows_alive(), 0);
  EXPECT_EQ(store->frames() == nullptr, GetParam() == 0);

  for (int64_t i = 0; i < kRows; ++i)  // each another
    for (const int64_t byte : {int64_t{0}, bytes - 4}) std::memcpy(&drawn[i * bytes + byte], &i, 4);
  store->write_records(slots, drawn, team_);
  EXPECT_TRUE(read(*store, slots) == drawn);
  EXPECT_EQ(store->rows_alive(), kRows);
}

TEST_P(DeviceStoreTest, NothingHasChangedInAnyStream) {
  const auto store = this->store({100, 110});
  Stream stream;
  EXPECT_THAT(to_host(store->changed(), stream), Each(0));
}

TEST_P(DeviceStoreTest, WhatIsWrittenOrLocatedIsAlive) {
  const auto store = this->store({100, 110});
  std::vector<int64_t> slots(2);
  store->locate(std::vector<int64_t>{109, 103}, slots, team_);
  EXPECT_THAT(slots, ElementsAre(9, 3));
  store->write_records(std::vector<int64_t>{0}, read(*store, std::vector<int64_t>{5}), team_);
  EXPECT_EQ(store->rows_alive(), 3);
  EXPECT_THAT(store->living_positions({0, 1000}), ElementsAre(100, 103, 109));
  EXPECT_THAT(store->living_positions({101, 109}), ElementsAre(103));
  EXPECT_THAT(store->living_positions({103, 103}), ElementsAre());
  EXPECT_THAT(store->living_positions({0, 100}), ElementsAre());
  slots.pop_back();
  for (const int64_t position : {99, 110})
    EXPECT_THROW(store->locate(std::vector<int64_t>{position}, slots, team_), InternalError);
}

TEST_P(DeviceStoreTest, MoreRowsThanSlotsAreAUsageError) {
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  const auto message = [&](int64_t rows) {
    const ClassPlacement placement(10'000'000'000, kSeed);
    return message_of([&] { DeviceStore(placement, {100, 100 + rows}, layout_, kSeed, GetParam()); });
  };
  EXPECT_EQ(message(kMost + 1),
            "2147483648 classes on one device, at most 2147483647 have room; start more ranks");
  if (GetParam() == 0) {
    EXPECT_THAT(message(kMost), Not(HasSubstr("have room")));  // but memory is short
  }
}

// Frames for all of four rows of a number, and two streams.
struct FourRows {
  const DeviceBuffer<int32_t> slots = to_device(std::vector<int32_t>{0, 1, 2, 3}), places{1}, lacking{1};
  const DeviceBuffer<int64_t> news = to_device(std::vector<int64_t>{11}), read{1};
  DeviceFrames frames{4, sizeof(int64_t), 4 * sizeof(int64_t)};
  Stream first, second;

  static DeviceSpan<std::byte> bytes_of(const DeviceBuffer<int64_t>& number) {
    return {reinterpret_cast<std::byte*>(number.span().address), number.span().bytes()};
  }
  void in_host_memory(int64_t slot, int64_t number) {
    std::memcpy(&frames.host_records()[slot * sizeof number], &number, sizeof number);
  }
  void bring(int64_t slot, Stream& stream) {
    frames.bring(slots.span().part(slot, 1), frames.next(), places.span(), lacking.span(), stream);
  }
  int64_t value_of(int64_t slot, Stream& stream) {
    frames.read(slots.span().part(slot, 1), bytes_of(read), stream);
    return to_host(read.span(), stream)[0];
  }
};

// Frames are empty before the first bring, not again after it.
TEST_F(DeviceTest, ARowThatHasComeStays) {
  FourRows rows;
  rows.in_host_memory(2, 5);
  rows.bring(2, rows.first);
  rows.first.synchronize();
  rows.frames.background().synchronize();
  rows.in_host_memory(2, 6);
  rows.bring(2, rows.first);
  EXPECT_EQ(rows.value_of(2, rows.first), 5);
}

// And so after what their stream did before.
TEST_F(DeviceTest, RecordsAreReadAndWrittenAfterBrings) {
  FourRows rows;
  for (const bool writes : {false, true}) {
    rows.in_host_memory(2, 5);
    rows.bring(2, rows.first);
    rows.first.synchronize();
    const DeviceSpan<std::byte> news = FourRows::bytes_of(rows.news);
    const DeviceSpan<std::byte> record = rows.frames.records().part(0, news.size);  // the first frame
    if (writes)
      clear(record, rows.first);
    else
      copy<std::byte>(news, record, rows.first);
    rows.bring(3, rows.first);
    if (writes) rows.frames.write(rows.slots.span().part(2, 1), news, rows.second);
    EXPECT_EQ(rows.value_of(2, rows.second), 11);
    rows.first.synchronize();
    EXPECT_EQ(rows.value_of(2, rows.second), 11);
  }
}

}  // namespace
}  // namespace partialfc
