// What is saved by W ranks is read by R ranks, value by value.
#include "partialfc/checkpoint/center_files.h"

#include <gtest/gtest.h>

#include <map>
#include <mutex>

#include "partialfc/base/test_support.h"
#include "partialfc/checkpoint/center_format.h"
#include "partialfc/checkpoint/living_rows.h"
#include "partialfc/comm/thread_ranks.h"

namespace partialfc {
namespace {

constexpr int64_t kClasses = 9000, kDim = 6;

PartialFCOptions options() {
  return {.num_classes = kClasses, .dim = kDim, .max_batch = 8, .sample_rate = 0.1, .seed = 3};
}

void take_step(PartialFC& head, Communicator& comm, int64_t step, Matrix<float>& dx) {
  Matrix<float> x(4, kDim);
  RandomStream random(1, Purpose::kSyntheticData, static_cast<uint64_t>(step),
                      static_cast<uint64_t>(comm.rank()));
  std::vector<int64_t> labels(4);
  for (int64_t i = 0; i < x.size(); ++i) x.data()[i] = static_cast<float>(random.normal());
  for (int64_t& label : labels) label = random.below(kClasses);
  dx.resize(4, kDim);
  head.forward(step, x.view(), labels, dx.view());
  head.update(0.1);
}

class CenterFiles : public testing::Test {
 protected:
  std::vector<std::filesystem::path> files_of(int ranks) const {
    std::vector<std::filesystem::path> files;
    for (int rank = 0; rank < ranks; ++rank) files.push_back(folder_ / center_file_name(rank, ranks));
    return files;
  }

  // Of all ranks.
  static void collect(PartialFC& head, ThreadTeam& team, Rows& rows, std::mutex& mutex) {
    std::lock_guard lock(mutex);
    rows.merge(living_rows(head, team));
  }

  Rows train_and_save(int ranks, int steps) {
    Rows rows;
    std::mutex mutex;
    run_ranks(ranks, [&](Communicator& comm) {
      ThreadTeam team(1);
      PartialFC head(options(), comm, team);
      Matrix<float> dx;
      for (int step = 0; step < steps; ++step) take_step(head, comm, step, dx);
      write_centers(folder_ / center_file_name(comm.rank(), comm.size()), head, team);
      collect(head, team, rows, mutex);
    });
    return rows;
  }

  ScratchFolder folder_;
};

TEST_F(CenterFiles, AnyNumberOfRanksReadsWhatAnyNumberWrote) {
  for (int writers : {1, 2, 3}) {
    const Rows saved = train_and_save(writers, 3);
    EXPECT_GT(saved.size(), 900u);
    for (int readers : {1, 2, 3, 4}) {
      Rows loaded;
      std::mutex mutex;
      run_ranks(readers, [&](Communicator& comm) {
        ThreadTeam team(2);
        PartialFC head(options(), comm, team);
        read_centers(files_of(writers), head, team);
        EXPECT_EQ(head.updates(), 3);
        collect(head, team, loaded, mutex);
      });
      EXPECT_EQ(saved, loaded) << writers << " -> " << readers;
    }
  }
}

TEST_F(CenterFiles, AsManyRanksGoOnBitForBit) {
  std::vector<float> straight(2), resumed(2);
  Rows rows_straight, rows_resumed;
  std::mutex mutex;
  run_ranks(2, [&](Communicator& comm) {
    ThreadTeam team(2);
    PartialFC head(options(), comm, team);
    Matrix<float> dx;
    for (int step = 0; step < 6; ++step) {
      take_step(head, comm, step, dx);
      if (step == 2) write_centers(folder_ / center_file_name(comm.rank(), 2), head, team);
    }
    straight[comm.rank()] = dx(3, 2);
    collect(head, team, rows_straight, mutex);
  });
  run_ranks(2, [&](Communicator& comm) {
    ThreadTeam team(2);
    PartialFC head(options(), comm, team);
    read_centers(files_of(2), head, team);
    Matrix<float> dx;
    for (int step = 3; step < 6; ++step) take_step(head, comm, step, dx);
    resumed[comm.rank()] = dx(3, 2);
    collect(head, team, rows_resumed, mutex);
  });
  EXPECT_EQ(straight, resumed);
  EXPECT_EQ(rows_straight, rows_resumed);
}

TEST_F(CenterFiles, AnotherHeadIsRefusedWithBothValues) {
  train_and_save(1, 1);
  PartialFCOptions other = options();
  other.dim = kDim + 1;
  const std::string message = message_of([&] {
    run_ranks(1, [&](Communicator& comm) {
      ThreadTeam team(1);
      PartialFC head(other, comm, team);
      read_centers(files_of(1), head, team);
    });
  });
  EXPECT_NE(message.find("dim = 6, this run has 7"), std::string::npos) << message;
}

}  // namespace
}  // namespace partialfc
