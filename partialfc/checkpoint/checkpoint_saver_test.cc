// Checkpoints beside training: what is saved at random moments, while steps go on, is what a dump of that moment holds.
#include "partialfc/checkpoint/checkpoint_saver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <set>

#include "partialfc/base/random.h"
#include "partialfc/base/test_support.h"
#include "partialfc/checkpoint/center_files.h"
#include "partialfc/checkpoint/living_rows.h"
#include "partialfc/checkpoint/test_disk.h"
#include "partialfc/comm/thread_ranks.h"

namespace partialfc {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr int64_t kSavedClasses = 40000, kSavedDim = 6;

PartialFCOptions options(double sample_rate) {
  return {
      .num_classes = kSavedClasses, .dim = kSavedDim, .max_batch = 8, .sample_rate = sample_rate, .seed = 3};
}

float take_step(PartialFC& head, Communicator& comm, int64_t step) {
  Matrix<float> x(4, kSavedDim), dx(4, kSavedDim);
  RandomStream random(1, Purpose::kSyntheticData, static_cast<uint64_t>(step),
                      static_cast<uint64_t>(comm.rank()));
  std::vector<int64_t> labels(4);
  for (int64_t i = 0; i < x.size(); ++i) x.data()[i] = static_cast<float>(random.normal());
  for (int64_t& label : labels) label = random.below(kSavedClasses);
  head.forward(step, x.view(), labels, dx.view());
  head.update(0.1);
  return dx(3, 2);
}

// Records of the living rows of all ranks, by class.
class Dump {
 public:
  void add(PartialFC& head, ThreadTeam& team) {
    const std::lock_guard lock(*mutex_);
    rows_.merge(living_rows(head, team));
  }
  bool operator==(const Dump& other) const { return rows_ == other.rows_; }
  size_t size() const { return rows_.size(); }

 private:
  std::unique_ptr<std::mutex> mutex_ = std::make_unique<std::mutex>();
  Rows rows_;
};

// What the trainer does after a step.
void go_on(CheckpointSaver& saver, Communicator& comm) {
  std::array<float, 1> writing = {saver.is_written() ? 0.0f : 1.0f};
  comm.all_reduce(std::span<float>(writing)).wait();
  saver.advance();
  if (saver.is_under_way() && writing[0] == 0) saver.commit();
}

std::set<int64_t> steps_in(const fs::path& run) {
  std::set<int64_t> steps;
  for (const auto& entry : fs::directory_iterator(run))
    if (const std::string name = entry.path().filename(); name.starts_with("step-"))
      steps.insert(std::stoll(name.substr(5)));
  return steps;
}

class CheckpointSaverTest : public testing::Test {
 protected:
  Dump restore(const fs::path& run, int64_t step, int ranks) {
    const fs::path folder = run / checkpoint_name(step);
    const Manifest manifest = read_manifest(folder);
    verify_files(folder, manifest);
    Dump dump;
    run_ranks(ranks, [&](Communicator& comm) {
      ThreadTeam team(1);
      PartialFC head(options(0.1), comm, team);
      read_centers(center_files(folder, manifest), head, team);
      EXPECT_EQ(head.updates(), step);
      dump.add(head, team);
    });
    return dump;
  }
  // Files of all checkpoints in the run, each once however many folders hold it.
  static std::map<int64_t, std::vector<std::string>> files_in(const fs::path& run) {
    std::map<int64_t, std::vector<std::string>> files;
    for (const int64_t step : steps_in(run))
      for (const ManifestFile& file : read_manifest(run / checkpoint_name(step)).files)
        files[step].push_back(file.name);
    return files;
  }

  ScratchFolder scratch_;
};

// Trains `steps` steps and begins a checkpoint before every step that `is_due` says; checks all that are kept.
TEST_F(CheckpointSaverTest, TheLastOnesHoldTheMomentsTheyWereBegunAt) {
  constexpr int64_t kSteps = 40, kKeep = 3;
  for (const int ranks : {1, 2}) {
    for (const double sample_rate : {0.01, 0.1}) {
      SCOPED_TRACE(fmt::format("{} ranks, sample rate {}", ranks, sample_rate));
      const fs::path run = scratch_ / fmt::format("run-{}-{}", ranks, sample_rate);
      std::map<int64_t, Dump> dumps;
      for (int64_t step = 0; step <= kSteps; ++step) dumps[step];
      std::set<int64_t> begun;
      size_t most_files = 0;
      run_ranks(ranks, [&](Communicator& comm) {
        ThreadTeam team(2);
        PartialFC head(options(sample_rate), comm, team);
        CheckpointSaver saver(run, kKeep, head, comm, team);
        RandomStream shared(5, Purpose::kSyntheticData, static_cast<uint64_t>(ranks), 0);
        RandomStream own(6, Purpose::kSyntheticData, static_cast<uint64_t>(comm.rank()), 1);
        for (int64_t step = 1; step <= kSteps; ++step) {
          take_step(head, comm, step);
          for (int64_t i = own.below(3); i > 0; --i) saver.advance();  // ranks write at different speeds
          go_on(saver, comm);
          if (shared.below(4) != 0) continue;
          saver.begin({.step = step, .samples = step * 8}, {.steps = 6, .least_bytes = 1});
          dumps[step].add(head, team);
          if (comm.rank() != 0) continue;
          begun.insert(step);
          write_file(saver.add_file("more"), fmt::format("{}", step));
        }
        saver.finish();
      });
      ASSERT_GE(begun.size(), 6u);
      const std::set<int64_t> kept(std::prev(begun.end(), kKeep), begun.end());
      EXPECT_EQ(steps_in(run), kept);
      for (const int64_t step : kept) {
        most_files = std::max(most_files, files_in(run)[step].size());
        EXPECT_EQ(read_text_file(run / checkpoint_name(step) / "more"), fmt::format("{}", step));
        EXPECT_GT(dumps[step].size(), 500u);
        for (const int readers : {1, 2, 3})
          EXPECT_TRUE(restore(run, step, readers) == dumps[step]) << step << " read by " << readers;
      }
      EXPECT_GT(most_files, size_t(ranks) + 1);  // deltas among them
    }
  }
}

TEST_F(CheckpointSaverTest, AsManyRanksGoOnBitForBitFromADelta) {
  std::vector<float> straight(2), resumed(2);
  Dump rows_straight, rows_resumed;
  const fs::path run = scratch_ / "run";
  run_ranks(2, [&](Communicator& comm) {
    ThreadTeam team(2);
    PartialFC head(options(0.01), comm, team);
    CheckpointSaver saver(run, 5, head, comm, team);
    for (int64_t step = 1; step <= 14; ++step) {
      straight[comm.rank()] = take_step(head, comm, step);
      go_on(saver, comm);
      if (step == 6 || step == 8) saver.begin({.step = step}, {.steps = 2, .least_bytes = 1});
    }
    rows_straight.add(head, team);
    saver.finish();
  });
  const fs::path folder = run / checkpoint_name(8);
  const Manifest manifest = read_manifest(folder);
  EXPECT_EQ(files_in(run)[8],
            (std::vector<std::string>{
                "centers-00000-of-00002.safetensors", "centers-00000-of-00002.delta-01.safetensors",
                "centers-00001-of-00002.safetensors", "centers-00001-of-00002.delta-01.safetensors"}));
  run_ranks(2, [&](Communicator& comm) {
    ThreadTeam team(2);
    PartialFC head(options(0.01), comm, team);
    read_centers(center_files(folder, manifest), head, team);
    CheckpointSaver saver(run, 2, head, comm, team);
    saver.continue_from(folder, manifest);
    for (int64_t step = 9; step <= 14; ++step) {
      resumed[comm.rank()] = take_step(head, comm, step);
      if (step == 10) saver.begin({.step = step}, {});
    }
    rows_resumed.add(head, team);
    saver.finish();
  });
  EXPECT_EQ(straight, resumed);
  EXPECT_TRUE(rows_straight == rows_resumed);
  EXPECT_EQ(steps_in(run), (std::set<int64_t>{8, 10}));
  EXPECT_EQ(files_in(run)[10].size(), 6u);
  EXPECT_EQ(fs::hard_link_count(run / checkpoint_name(10) / center_file_name(1, 2)), 2u);
}

TEST_F(CheckpointSaverTest, OldFilesVanishWithTheLastCheckpointThatNeedsThem) {
  const fs::path run = scratch_ / "run";
  std::set<std::string> names;
  run_ranks(1, [&](Communicator& comm) {
    ThreadTeam team(1);
    PartialFC head(options(0.01), comm, team);
    CheckpointSaver saver(run, 2, head, comm, team);
    std::map<int64_t, size_t> files;
    for (int64_t step = 1; step <= 40; ++step) {
      take_step(head, comm, step);
      saver.begin({.step = step}, {});
      saver.finish();
      files[step] = files_in(run)[step].size();
      if (step < 3 || files[step] != 1) continue;
      // A new base: the checkpoint before still has its files, and the one before that is gone.
      EXPECT_EQ(fs::hard_link_count(run / checkpoint_name(step) / center_file_name(0, 1)), 1u);
      const std::vector<std::string> before = files_in(run)[step - 1];
      EXPECT_EQ(before.size(), files[step - 1]);
      for (const std::string& name : before)
        EXPECT_EQ(fs::hard_link_count(run / checkpoint_name(step - 1) / name), 1u);
    }
    EXPECT_GT(std::ranges::count_if(files, [](const auto& entry) { return entry.second == 1; }), 1);
    EXPECT_GT(std::ranges::count_if(files, [](const auto& entry) { return entry.second > 2; }), 1);
  });
  EXPECT_EQ(steps_in(run), (std::set<int64_t>{39, 40}));
}

TEST_F(CheckpointSaverTest, AFullDiskDuringADeltaHarmsNothingSaved) {
  FillableDisk disk;
  Dump expected;
  const std::string message = message_of([&] {
    run_ranks(1, [&](Communicator& comm) {
      ThreadTeam team(1);
      PartialFC head(options(0.01), comm, team);
      CheckpointSaver saver(disk.run(), 1, head, comm, team);
      for (int64_t step = 1; step <= 7; ++step) take_step(head, comm, step);
      expected.add(head, team);
      saver.begin({.step = 7}, {});
      saver.finish();
      take_step(head, comm, 8);
      saver.begin({.step = 8}, {.steps = 3, .least_bytes = 1});
      disk.fill();
      for (int64_t step = 9; step < 2000; ++step) {
        take_step(head, comm, step);
        go_on(saver, comm);
      }
    });
  });
  EXPECT_THAT(message,
              HasSubstr("/.step-00000008.part/centers-00000-of-00001.delta-01.safetensors: cannot write: "));
  disk.empty();
  EXPECT_EQ(steps_in(disk.run()), std::set<int64_t>{7});
  EXPECT_FALSE(fs::exists(disk.run() / ".step-00000008.part"));
  EXPECT_EQ(latest_checkpoint(disk.run()).checkpoint->manifest.step, 7);
  EXPECT_TRUE(restore(disk.run(), 7, 2) == expected);
}

}  // namespace
}  // namespace partialfc
