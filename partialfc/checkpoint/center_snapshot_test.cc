// Snapshots of one rank's rows, whatever changes meanwhile.
#include "partialfc/checkpoint/center_snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <map>
#include <numeric>
#include <optional>

#include "partialfc/base/random.h"
#include "partialfc/base/test_support.h"
#include "partialfc/checkpoint/center_files.h"
#include "partialfc/checkpoint/living_rows.h"
#include "partialfc/comm/thread_ranks.h"

namespace partialfc {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// A head of one rank whose rows the tests change by hand.
class Head {
 public:
  Head(int64_t classes, int64_t dim, Precision precision) {
    run_ranks(1, [&](Communicator& comm) {  // the head communicates in its steps only
      head_.emplace(
          PartialFCOptions{
              .num_classes = classes, .dim = dim, .max_batch = 1, .seed = 5, .precision = precision},
          comm, team_);
    });
  }

  PartialFC& layer() { return *head_; }
  ThreadTeam& team() { return team_; }
  CenterStore& store() { return head_->store(); }

  // Positions first … last − 1 come to life; returns their slots.
  std::vector<int64_t> revive(Range positions) {
    std::vector<int64_t> all(positions.size()), slots(all.size());
    std::iota(all.begin(), all.end(), positions.first);
    store().locate(all, slots, team_);
    return slots;
  }
  // What update() does with the rows in these slots, of which it tells in any order.
  void change(RowObserver& observer, std::vector<int64_t> slots) {
    for (size_t i = slots.size(); i > 1; --i)
      std::swap(slots[i - 1], slots[random_.below(std::ssize(slots))]);
    observer.before_change(slots);
    std::vector<std::byte> records(slots.size() * store().layout().bytes());
    for (std::byte& byte : records) byte = static_cast<std::byte>(random_.below(128));
    store().write_records(slots, records, team_);
  }
  Rows rows() { return living_rows(layer(), team_); }

 private:
  ThreadTeam team_{2};
  RandomStream random_{1, Purpose::kSyntheticData, 1, 1};
  std::optional<PartialFC> head_;
};

class CenterSnapshotTest : public testing::TestWithParam<Precision> {
 protected:
  static constexpr int64_t kClasses = 9000, kDim = 24;

  // Begins, lets `meanwhile` happen, ends; returns the files.
  std::vector<ManifestFile> save(CenterSnapshot& snapshot, int64_t step, auto&& meanwhile) {
    CheckpointWriter writer(run_.path(), step);
    writer.create();
    snapshot.begin(writer, {.steps = 1000, .least_bytes = 1});
    meanwhile();
    Manifest manifest;
    manifest.files = snapshot.finish();
    writer.commit(manifest, 100);
    return manifest.files;
  }
  Rows restored(int64_t step) {
    const fs::path folder = run_ / checkpoint_name(step);
    const Manifest manifest = read_manifest(folder);
    verify_files(folder, manifest);
    Head head(kClasses, kDim, GetParam());
    read_centers(center_files(folder, manifest), head.layer(), head.team());
    return head.rows();
  }

  ScratchFolder run_;
  Head head_{kClasses, kDim, GetParam()};
};

TEST_P(CenterSnapshotTest, HoldsTheRowsAsTheyWereWhenItBegan) {
  CenterSnapshot snapshot(head_.layer(), head_.team(), 0, 1);
  RandomStream random(2, Purpose::kSyntheticData, 2, 2);
  const auto some_slots = [&] {
    std::vector<int64_t> slots;
    for (int64_t slot = 0; slot < head_.store().rows_alive(); ++slot)
      if (random.below(20) == 0) slots.push_back(slot);
    return slots;
  };
  std::map<int64_t, Rows> expected;
  for (int64_t step = 0; step < 8; ++step) {
    // No rows at all, then more and more; the later positions come to life first.
    if (step > 0) head_.revive({kClasses - step * 1000, kClasses - step * 1000 + 1000});
    head_.change(snapshot, some_slots());
    expected[step] = head_.rows();
    const auto files = save(snapshot, step, [&] {
      for (int i = 0; i < 500; ++i) {  // about half of the rows go on their way
        if (i % 100 == 7) head_.change(snapshot, some_slots());
        if (i == 250) head_.revive({i + step * 10, i + step * 10 + 10});
        snapshot.advance();
      }
    });
    EXPECT_EQ(files[0].name, "centers-00000-of-00001.safetensors");
  }
  for (const auto& [step, rows] : expected) EXPECT_EQ(restored(step), rows) << "step " << step;
}

TEST_P(CenterSnapshotTest, ADeltaHoldsWhatChangedAlone) {
  CenterSnapshot snapshot(head_.layer(), head_.team(), 0, 1);
  const int64_t row = head_.store().layout().bytes() + 16;
  head_.revive({100, 8100});
  const auto base = save(snapshot, 1, [] {});
  ASSERT_EQ(base.size(), 1u);
  EXPECT_GT(base[0].bytes, uint64_t(8000 * row));
  head_.change(snapshot, {0, 17, 7999});
  head_.revive({50, 52});  // alive, not changed: their place in the order counts
  const auto three = save(snapshot, 2, [&] { head_.change(snapshot, {5, 17}); });
  ASSERT_EQ(three.size(), 2u);
  EXPECT_EQ(three[0], base[0]);
  EXPECT_EQ(three[1].name, "centers-00000-of-00001.delta-01.safetensors");
  EXPECT_LT(three[1].bytes, uint64_t(5 * row + 1024));
  const auto two = save(snapshot, 3, [] {});  // what changed while the one before was written
  const SafetensorsFile file(run_ / checkpoint_name(3) / two.at(2).name);
  EXPECT_EQ(file.at("classes").shape, std::vector<int64_t>{2});
  auto order = file.read<int64_t>("order");
  std::ranges::sort(order);
  EXPECT_EQ(order, (std::vector<int64_t>{5, 17}));
  const auto none = save(snapshot, 4, [] {});
  ASSERT_EQ(none.size(), 4u);
  EXPECT_LT(none[3].bytes, 1024u);
  EXPECT_EQ(restored(4), head_.rows());
}

// Bytes that this process has read from files so far.
uint64_t bytes_read() {
  std::ifstream counters("/proc/self/io");
  uint64_t bytes = 0;
  for (std::string name; counters >> name && name != "rchar:";) counters >> bytes;
  counters >> bytes;
  return bytes;
}

// Its checksum, which verify_files() holds against its bytes, is that of what was written.
TEST_P(CenterSnapshotTest, AFileIsNotReadAgainForItsChecksum) {
  CenterSnapshot snapshot(head_.layer(), head_.team(), 0, 1);
  head_.revive({0, 8000});
  const uint64_t before = bytes_read();
  const auto files = save(snapshot, 1, [] {});
  EXPECT_LT(bytes_read() - before, files.at(0).bytes / 2);
  verify_files(run_ / checkpoint_name(1), read_manifest(run_ / checkpoint_name(1)));
}

TEST_P(CenterSnapshotTest, DeltasAsLargeAsABaseBecomeOne) {
  CenterSnapshot snapshot(head_.layer(), head_.team(), 0, 1);
  head_.revive({0, 1000});
  const auto change = [&](int64_t rows) {
    std::vector<int64_t> slots(rows);
    std::iota(slots.begin(), slots.end(), 0);
    head_.change(snapshot, slots);
  };
  std::vector<size_t> files;
  for (int64_t step = 0; step < 9; ++step) {
    change(300);
    files.push_back(save(snapshot, step, [] {}).size());
  }
  EXPECT_EQ(files, (std::vector<size_t>{1, 2, 3, 4, 1, 2, 3, 4, 1}));
  EXPECT_EQ(fs::hard_link_count(run_ / checkpoint_name(4) / center_file_name(0, 1)), 4u);
  change(1000);
  EXPECT_EQ(save(snapshot, 9, [] {}).size(), 1u);
  for (int64_t delta = 1; delta <= CenterSnapshot::kMostDeltas + 1; ++delta)
    files.push_back(save(snapshot, 9 + delta, [] {}).size());
  EXPECT_EQ(files[files.size() - 2], size_t{CenterSnapshot::kMostDeltas + 1});
  EXPECT_EQ(files.back(), 1u);
  EXPECT_EQ(restored(9), head_.rows());
  EXPECT_EQ(restored(9 + CenterSnapshot::kMostDeltas), head_.rows());
}

TEST_P(CenterSnapshotTest, WhatWasReadIsBuiltOnByAsManyRanksOnly) {
  std::vector<ManifestFile> base;
  {
    CenterSnapshot snapshot(head_.layer(), head_.team(), 0, 1);
    head_.revive({0, 1000});
    base = save(snapshot, 1, [] {});
  }
  const fs::path folder = run_ / checkpoint_name(1);
  for (const int ranks : {1, 2}) {
    Head again(kClasses, kDim, GetParam());
    read_centers(center_files(folder, read_manifest(folder)), again.layer(), again.team());
    CenterSnapshot snapshot(again.layer(), again.team(), 0, ranks);
    snapshot.continue_from(folder, read_manifest(folder));
    again.change(snapshot, {3, 999});
    const Rows expected = again.rows();
    const auto files = save(snapshot, 2, [&] { again.change(snapshot, {3}); });
    EXPECT_EQ(files.size(), ranks == 1 ? 2u : 1u);
    EXPECT_EQ(files[0] == base[0], ranks == 1);
    EXPECT_EQ(restored(2), expected);
  }
}

TEST_P(CenterSnapshotTest, OneThatIsGivenUpLeavesNothing) {
  head_.revive({0, 1000});
  {
    CheckpointWriter writer(run_.path(), 1);
    writer.create();
    CenterSnapshot snapshot(head_.layer(), head_.team(), 0, 1);
    snapshot.begin(writer, {.steps = 100, .least_bytes = 1});
    for (int i = 0; i < 20; ++i) snapshot.advance();
    EXPECT_FALSE(snapshot.is_written());
  }
  EXPECT_TRUE(fs::is_empty(run_.path()));
}

TEST_P(CenterSnapshotTest, AnotherPrecisionIsRefusedWithBoth) {
  head_.revive({0, 10});
  write_centers(run_ / "centers", head_.layer(), head_.team());
  const bool wide = GetParam() == Precision::kFloat32;
  Head other(kClasses, kDim, wide ? Precision::kBFloat16 : Precision::kFloat32);
  const std::vector<fs::path> files = {run_ / "centers"};
  EXPECT_EQ(message_of([&] { read_centers(files, other.layer(), other.team()); }),
            fmt::format("{}: centers saved with precision = {}, this run has {}", (run_ / "centers").string(),
                        wide ? "float32" : "bfloat16", wide ? "bfloat16" : "float32"));
  EXPECT_EQ(SafetensorsFile(run_ / "centers").at("records").type,
            wide ? TensorType::kF32 : TensorType::kBF16);
}

INSTANTIATE_TEST_SUITE_P(Precisions, CenterSnapshotTest,
                         testing::Values(Precision::kFloat32, Precision::kBFloat16), [](const auto& info) {
                           return info.param == Precision::kFloat32 ? "Float32" : "BFloat16";
                         });

}  // namespace
}  // namespace partialfc
