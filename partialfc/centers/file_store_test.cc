#include "partialfc/centers/file_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>

#include "partialfc/base/small_disk.h"
#include "partialfc/base/test_support.h"
#include "partialfc/centers/row_pattern.h"

namespace partialfc {
namespace {

constexpr int64_t kClasses = 400, kDim = 37;  // records of 296 or 148 bytes: no multiple of anything
constexpr uint64_t kSeed = 7;

std::vector<int64_t> distinct_positions(RandomStream& random, int64_t first, int64_t last, int64_t count) {
  std::vector<int64_t> all(last - first);
  std::iota(all.begin(), all.end(), first);
  for (int64_t i = 0; i < count; ++i) std::swap(all[i], all[i + random.below(std::ssize(all) - i)]);
  all.resize(count);
  return all;
}

// A store, and beside it a plain map of what each record must hold.
class FileStoreTest : public testing::TestWithParam<Precision> {
 protected:
  static constexpr Range kPositions = {100, 390};
  static constexpr int64_t kFrames = 48;

  RecordLayout layout_{.dim = kDim, .precision = GetParam()};
  ClassPlacement placement_{kClasses, kSeed};
  ThreadTeam team_{2};
  ScratchFolder folder_;
  std::map<int64_t, std::vector<std::byte>> expected_;  // position → record

  // Room for `frames` rows, whatever the alignment of this disk.
  std::unique_ptr<HostCenterStore> make_store(int64_t frames, int depth = 5) {
    const int64_t alignment = static_cast<int64_t>(ScratchFile(folder_.path()).alignment());
    const int64_t stride = (layout_.bytes() + alignment - 1) / alignment * alignment;
    return make_file_store(
        placement_, kPositions, layout_, kSeed,
        {.folder = folder_.path(), .memory_bytes = frames * stride + stride / 2, .depth = depth});
  }

  std::vector<std::byte> first_record(int64_t position) const {
    std::vector<float> center(kDim);
    initial_center(kSeed, placement_.class_at(position), center);
    std::vector<std::byte> record(layout_.bytes());
    for (int64_t d = 0; d < kDim; ++d) {
      if (layout_.precision == Precision::kFloat32)
        reinterpret_cast<float*>(record.data())[d] = center[d];
      else
        reinterpret_cast<BFloat16*>(record.data())[d] = to_bfloat16(center[d]);
    }
    return record;
  }

  struct Pinned {
    std::vector<int64_t> positions, slots;  // by rising slot
    std::vector<std::byte*> records;
  };

  Pinned locate_and_pin(HostCenterStore& store, std::vector<int64_t> positions) {
    std::vector<int64_t> slots(positions.size());
    store.locate(positions, slots, team_);
    std::vector<std::pair<int64_t, int64_t>> order;
    for (size_t i = 0; i < slots.size(); ++i) order.emplace_back(slots[i], positions[i]);
    std::sort(order.begin(), order.end());
    Pinned pinned;
    for (const auto& [slot, position] : order) {
      pinned.slots.push_back(slot);
      pinned.positions.push_back(position);
      expected_.try_emplace(position, first_record(position));
    }
    pinned.records.resize(slots.size());
    store.pin(pinned.slots, pinned.records);
    return pinned;
  }

  void check(const Pinned& pinned) {
    for (size_t i = 0; i < pinned.slots.size(); ++i)
      ASSERT_TRUE(std::ranges::equal(expected_.at(pinned.positions[i]),
                                     std::span(pinned.records[i], layout_.bytes())))
          << "position " << pinned.positions[i] << ", slot " << pinned.slots[i];
  }

  void change(const Pinned& pinned, RandomStream& random) {
    for (size_t i = 0; i < pinned.slots.size(); ++i) {
      std::vector<std::byte>& record = expected_.at(pinned.positions[i]);
      for (std::byte& byte : record) byte = static_cast<std::byte>(random.below(256));
      std::ranges::copy(record, pinned.records[i]);
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Precisions, FileStoreTest,
                         testing::Values(Precision::kFloat32, Precision::kBFloat16), [](const auto& info) {
                           return info.param == Precision::kFloat32 ? "Float32" : "BFloat16";
                         });

TEST_P(FileStoreTest, EveryRowHoldsWhatWasWrittenLastWhateverIsEvicted) {
  const auto store = make_store(kFrames);
  RandomStream random(1, Purpose::kSyntheticData);
  std::vector<int64_t> next = distinct_positions(random, kPositions.first, kPositions.last, 20);
  for (int step = 0; step < 600; ++step) {
    const Pinned step_rows = locate_and_pin(*store, next);
    check(step_rows);
    next = distinct_positions(random, kPositions.first, kPositions.last, random.below(kFrames - 7));
    if (random.bernoulli(0.8)) store->expect(next);
    if (random.bernoulli(0.3)) {  // a few rows more, partly the same, while the first are held
      const Pinned few = locate_and_pin(*store, distinct_positions(random, 100, 390, 1 + random.below(8)));
      check(few);
      store->unpin(few.slots, false);
    }
    if (random.bernoulli(0.2)) store->expect(distinct_positions(random, 100, 390, 30));  // will not come true
    const bool changed = random.bernoulli(0.7);
    if (changed) change(step_rows, random);
    check(step_rows);
    store->unpin(step_rows.slots, changed);
  }
  EXPECT_EQ(store->rows_alive(), std::ssize(expected_));
  for (const auto& [position, record] : expected_) {
    const Pinned one = locate_and_pin(*store, {position});
    check(one);
    store->unpin(one.slots, false);
  }
}

TEST_P(FileStoreTest, RowsAreThoseOfTheMemoryStore) {
  const auto file = make_store(32);
  const auto memory = make_memory_store(placement_, kPositions, layout_, kSeed);
  RandomStream random(2, Purpose::kSyntheticData);
  std::vector<int64_t> slots(30), slots_in_memory(30);
  Matrix<float> rows(30, layout_.numbers()), rows_in_memory(30, layout_.numbers());
  for (int step = 0; step < 100; ++step) {
    const auto positions = distinct_positions(random, kPositions.first, kPositions.last, 30);
    file->locate(positions, slots, team_);
    memory->locate(positions, slots_in_memory, team_);
    ASSERT_EQ(slots, slots_in_memory);
    std::sort(slots.begin(), slots.end());
    file->read(slots, rows.view());
    memory->read(slots, rows_in_memory.view());
    ASSERT_TRUE(std::equal(rows.data(), rows.data() + rows.size(), rows_in_memory.data())) << "step " << step;
    for (int64_t i = 0; i < rows.size(); ++i) rows.data()[i] += static_cast<float>(random.normal());
    file->write(slots, rows.view());
    memory->write(slots, rows.view());
  }
  EXPECT_EQ(file->living_positions({0, 200}), memory->living_positions({0, 200}));
  EXPECT_EQ(file->rows_alive(), memory->rows_alive());
}

TEST_P(FileStoreTest, ARowPinnedTwiceHasOneAddressAndStaysUntilTheLastUnpin) {
  const auto store = make_store(10, 1);
  const Pinned outer = locate_and_pin(*store, {200, 201, 202});
  for (int64_t position = 300; position < 340; position += 5) {
    const Pinned inner = locate_and_pin(*store, {201, position, position + 1, position + 2});
    EXPECT_EQ(inner.records[0], outer.records[1]);
    check(inner);
    store->unpin(inner.slots, true);
  }
  check(outer);
  store->unpin(outer.slots, false);
  EXPECT_THROW(store->unpin(outer.slots, false), InternalError);
}

TEST_P(FileStoreTest, AnExpectedRowIsThereAndExpectingBringsNoRowToLife) {
  const auto store = make_store(10);
  RandomStream random(3, Purpose::kSyntheticData);
  const Pinned first = locate_and_pin(*store, {150, 151, 152, 153});
  change(first, random);
  store->unpin(first.slots, true);
  const Pinned others =
      locate_and_pin(*store, {200, 201, 202, 203, 204, 205, 206});  // pushes one of them out
  store->expect(std::vector<int64_t>{150, 151, 152, 153, 389, 150});
  EXPECT_EQ(store->rows_alive(), 11);
  check(others);
  store->unpin(others.slots, false);
  check(locate_and_pin(*store, {150, 151, 152, 153}));
}

TEST_P(FileStoreTest, ExpectationsGiveWayToPins) {
  const auto store = make_store(10);
  std::vector<int64_t> ten(10);
  std::iota(ten.begin(), ten.end(), 200);
  const Pinned living = locate_and_pin(*store, ten);
  store->unpin(living.slots, true);
  store->expect(ten);
  std::iota(ten.begin(), ten.end(), 300);
  const Pinned pinned = locate_and_pin(*store, ten);
  check(pinned);
  store->unpin(pinned.slots, false);
}

TEST_P(FileStoreTest, MoreRowsAtOnceThanFitAreRefusedAndTheRestGoesOn) {
  const auto store = make_store(10);
  const Pinned held = locate_and_pin(*store, {200, 201, 202, 203});
  const std::string message = message_of([&] {
    locate_and_pin(*store, {203, 204, 205, 206, 207, 208, 209, 210});
  });
  EXPECT_NE(message.find("holds 10 rows at a time"), std::string::npos) << message;
  EXPECT_NE(message.find("11 rows"), std::string::npos) << message;
  const Pinned fits = locate_and_pin(*store, {203, 204, 205, 206, 207, 208, 209});
  check(fits);
  store->unpin(fits.slots, true);
  store->unpin(held.slots, true);
  EXPECT_THROW(make_store(0), UsageError);
}

TEST_P(FileStoreTest, NothingOfTheWorkingFileIsFoundByAnotherStore) {
  RandomStream random(4, Purpose::kSyntheticData);
  {
    const auto store = make_store(4);
    for (int64_t position = 100; position < 140; position += 4) {
      const Pinned rows = locate_and_pin(*store, {position, position + 1, position + 2, position + 3});
      change(rows, random);
      store->unpin(rows.slots, true);
    }
    EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
  }
  expected_.clear();
  const auto store = make_store(4);
  EXPECT_EQ(store->rows_alive(), 0);
  check(locate_and_pin(*store, {100, 101, 102, 103}));  // first records again
}

TEST(FileStore, AFolderThatCannotBeMadeIsAnError) {
  ScratchFolder folder;
  const auto file = folder / "file";
  std::ofstream(file) << 'x';
  const std::string message = message_of([&] {
    make_file_store(ClassPlacement(10, 1), {0, 10}, {.dim = 4}, 1, {.folder = file, .memory_bytes = 1 << 20});
  });
  EXPECT_NE(message.find(file.string()), std::string::npos) << message;
}

TEST(FileStore, AFullDiskIsAnErrorOfEachCallThatBringsRowsToLife) {
  const SmallDisk disk;
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a file system of 1 MiB";
  const ClassPlacement placement(4000, 1);
  const auto store = make_file_store(placement, {0, 4000}, {.dim = 512}, 1,
                                     {.folder = disk.path(), .memory_bytes = 64 * 4096});
  ThreadTeam team(1);
  std::vector<int64_t> slots(1);
  for (int64_t position = 0; position < 2; ++position) {
    const std::string message = message_of([&] { store->locate(std::vector{position}, slots, team); });
    EXPECT_NE(message.find(disk.path().string()), std::string::npos) << message;
    EXPECT_NE(message.find("from 0 to 16384000 bytes: No space left on device"), std::string::npos)
        << message;
  }
}

TEST(RowPattern, TakesTimeForEveryRowItMoves) {
  ScratchFolder folder;
  const RowPattern pattern(folder.path(), 1 << 20, 4000);
  for (const int depth : {1, 8}) {
    EXPECT_GT(pattern.seconds(1, depth, 1), 0);
    EXPECT_GT(pattern.seconds(256, depth, 2), 0);
  }
  EXPECT_THROW(pattern.seconds(257, 1, 1), InternalError);
}

}  // namespace
}  // namespace partialfc
