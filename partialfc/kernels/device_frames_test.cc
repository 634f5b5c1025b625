// Rows that come into frames: what a bring leaves, against a table of the host's.
#include "partialfc/kernels/device_frames.h"

#include <gmock/gmock.h>

#include <map>
#include <numeric>
#include <set>

#include "partialfc/device/test_matrix.h"

namespace partialfc {
namespace {

// A table, and what every row of it should hold.
class Table {
 public:
  Table(int64_t rows, int64_t frames, int64_t numbers)
      : rows_(rows),
        numbers_(numbers),
        host_(rows * numbers),
        frame_of_(std::vector<int32_t>(rows, -1)),
        slot_of_(std::vector<int32_t>(frames, -1)),
        used_at_(std::vector<int32_t>(frames, -1)),
        hand_(std::vector<int32_t>{0}),
        missing_(1, frames),
        victims_(1, frames),
        count_(1, 1),
        records_(frames, numbers) {
    for (int64_t i = 0; i < rows * numbers; ++i) host_[i] = static_cast<uint16_t>(i % 65'521);
    expected_.assign(host_.span().begin(), host_.span().end());
  }

  DeviceFrameTable view() const {
    return {.host_records = reinterpret_cast<std::byte*>(host_.span().data()),
            .frame_records = reinterpret_cast<std::byte*>(records_.span().address),
            .record_bytes = numbers_ * int64_t{sizeof(uint16_t)},
            .frame_of = frame_of_.span(),
            .slot_of = slot_of_.span(),
            .used_at = used_at_.span(),
            .hand = hand_.span(),
            .missing = missing_.span(),
            .victims = victims_.span(),
            .count = count_.span()};
  }

  // Brings these rows; returns their places, and how many frames were too few.
  std::pair<std::vector<int32_t>, int32_t> bring(const std::vector<int32_t>& slots, FrameBring bring) {
    const std::vector<int32_t> before = slot_of_.values(), used = used_at_.values();
    const TestMatrix<int32_t> wanted(slots), places(1, std::ssize(slots)), lacking(1, 1);
    bring_rows(view(), bring, wanted.span(), places.span(), lacking.span(), stream_);
    stream_.synchronize();
    const std::vector<int32_t> got = places.values(), now = slot_of_.values(), used_now = used_at_.values();
    std::set<int32_t> in_use;
    const int32_t lacks = lacking.values()[0];
    int32_t without = 0;
    for (size_t j = 0; j < slots.size(); ++j) {
      if (slots[j] < 0) {
        EXPECT_EQ(got[j], -1);
      } else if (now.at(got[j]) != slots[j]) {
        EXPECT_EQ(got[j], 0);
        ++without;
      } else {
        EXPECT_TRUE(in_use.insert(got[j]).second);
        EXPECT_EQ(used_now[got[j]], bring.now);
      }
    }
    EXPECT_EQ(without, lacks);
    for (size_t f = 0; f < now.size(); ++f) {
      if (in_use.contains(static_cast<int32_t>(f))) continue;
      EXPECT_EQ(now[f], before[f]);
      EXPECT_EQ(used_now[f], used[f]);
    }
    for (size_t f = 0; f < now.size(); ++f)
      if (used[f] >= bring.oldest) {
        EXPECT_EQ(now[f], before[f]) << "in use";
      }
    check();
    return {got, lacks};
  }

  // A new value for each of these rows, where they are.
  void change(const std::vector<int32_t>& slots) {
    const TestMatrix<int32_t> places(slots);
    Matrix<uint16_t> values(std::ssize(slots), numbers_);
    for (int64_t i = 0; i < values.size(); ++i) values.data()[i] = static_cast<uint16_t>(++last_value_);
    for (int64_t i = 0; i < values.rows(); ++i)
      std::copy_n(values[i], numbers_, &expected_[slots[i] * numbers_]);
    const TestMatrix<uint16_t> from(values);
    write_rows(view(), places.span(), bytes_of(from), stream_);
    stream_.synchronize();
    check();
  }

 private:
  static DeviceSpan<std::byte> bytes_of(const TestMatrix<uint16_t>& matrix) {
    return {reinterpret_cast<std::byte*>(matrix.span().address), matrix.span().bytes()};
  }

  // Each row is where the table says, and every row is what it should be.
  void check() {
    const std::vector<int32_t> frame_of = frame_of_.values(), slot_of = slot_of_.values();
    int64_t in_frames = 0;
    for (int64_t slot = 0; slot < rows_; ++slot)
      if (frame_of[slot] >= 0) {
        EXPECT_EQ(slot_of.at(frame_of[slot]), slot);
      }
    for (const int32_t slot : slot_of)
      if (slot >= 0) {
        EXPECT_EQ(slot_of[frame_of.at(slot)], slot);
      }
    in_frames = std::ranges::count_if(frame_of, [](int32_t frame) { return frame >= 0; });
    EXPECT_EQ(in_frames, std::ranges::count_if(slot_of, [](int32_t slot) { return slot >= 0; }));
    std::vector<int32_t> all(rows_);
    std::iota(all.rbegin(), all.rend(), 0);  // backwards
    const TestMatrix<int32_t> places(all);
    const TestMatrix<uint16_t> to(rows_, numbers_);
    read_rows(view(), places.span(), bytes_of(to), stream_);
    stream_.synchronize();
    const Matrix<uint16_t> got = to.read();
    for (int64_t i = 0; i < rows_; ++i)
      ASSERT_TRUE(std::equal(got[i], got[i] + numbers_, &expected_[(rows_ - 1 - i) * numbers_]))
          << rows_ - 1 - i;
  }

  const int64_t rows_, numbers_;
  PinnedBuffer<uint16_t> host_;
  std::vector<uint16_t> expected_;
  int64_t last_value_ = 100;
  const TestMatrix<int32_t> frame_of_, slot_of_, used_at_, hand_, missing_, victims_, count_;
  const TestMatrix<uint16_t> records_;
  Stream stream_;
};

class DeviceFrameTableTest : public DeviceTest, public testing::WithParamInterface<int64_t> {};
INSTANTIATE_TEST_SUITE_P(Numbers, DeviceFrameTableTest, testing::Values(3, 8, 264, 300));  // 2 bytes each

TEST_P(DeviceFrameTableTest, RowsComeAndGoBack) {
  Table table(60, 20, GetParam());
  RandomStream random(3, Purpose::kSyntheticData, static_cast<uint64_t>(GetParam()));
  for (int32_t now = 0; now < 12; ++now) {
    std::set<int32_t> drawn;
    while (drawn.size() < 9) drawn.insert(static_cast<int32_t>(random.below(60)));
    std::vector<int32_t> slots(drawn.rbegin(), drawn.rend());
    slots.insert(slots.begin() + 4, -1);
    EXPECT_EQ(table.bring(slots, {.now = now, .oldest = std::max(0, now - now % 2)}).second, 0);
    std::erase(slots, -1);
    slots.push_back((slots.front() + 1) % 60);  // one that may be anywhere
    if (std::ranges::find(slots, slots.back()) != slots.end() - 1) slots.pop_back();
    table.change(slots);
  }
}

TEST_F(DeviceTest, FramesAreTakenInAClocksOrder) {
  Table table(12, 5, 8);
  using Places = std::vector<int32_t>;
  EXPECT_EQ(table.bring({7, 3, 11}, {.now = 0, .oldest = 0}).first, (Places{0, 1, 2}));
  EXPECT_EQ(table.bring({3, 5}, {.now = 1, .oldest = 0}).first, (Places{1, 3}));
  EXPECT_EQ(table.bring({1, 2, 3}, {.now = 2, .oldest = 1}).first, (Places{4, 0, 1}));  // not what 1 has used
  EXPECT_EQ(table.bring({6, 8}, {.now = 3, .oldest = 3}).first, (Places{1, 2}));        // where it stopped
  EXPECT_EQ(table.bring({6, 9, 10}, {.now = 4, .oldest = 3}).first, (Places{1, 3, 4}));  // round to the first
  EXPECT_EQ(table.bring({4}, {.now = 5, .oldest = 5}).first, (Places{0}));
}

TEST_F(DeviceTest, FramesThatAreTooFewAreCounted) {
  Table table(30, 5, 8);
  EXPECT_EQ(table.bring({0, 1, 2, 3, 4}, {.now = 0, .oldest = 0}).second, 0);
  EXPECT_EQ(table.bring({4, 7, 8}, {.now = 1, .oldest = 0}).second, 2);
  EXPECT_EQ(table.bring({20, 21, 22, 23, 24, 25, 26, 27}, {.now = 2, .oldest = 2}).second, 3);
  EXPECT_EQ(table.bring({20, 1, 2, 3, 29}, {.now = 3, .oldest = 3}).second, 0);
}

// More of both than a block lists in a turn.
TEST_F(DeviceTest, ManyRowsComeInOrder) {
  constexpr int64_t kMany = 10'000;
  Table table(kMany, kMany - 900, 3);
  std::vector<int32_t> slots;
  for (int32_t slot = 0; slot < kMany; slot += slot % 5 == 0 ? 2 : 1) slots.push_back(slot);
  const auto [places, lacking] = table.bring(slots, {.now = 0, .oldest = 0});
  EXPECT_EQ(lacking, 0);
  EXPECT_TRUE(std::ranges::is_sorted(places));
  std::vector<int32_t> others;
  for (int32_t slot = 1; slot < kMany; slot += 5) others.push_back(slot);
  EXPECT_EQ(table.bring(others, {.now = 1, .oldest = 1}).second, 0);
  EXPECT_EQ(table.bring(slots, {.now = 2, .oldest = 1}).second,
            std::ssize(slots) + std::ssize(others) - (kMany - 900));
}

}  // namespace
}  // namespace partialfc
