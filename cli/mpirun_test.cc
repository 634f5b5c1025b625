// The program on several ranks, as mpirun starts them.
#include <fmt/ranges.h>
#include <sched.h>
#include <signal.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <set>

#include "cli/mpirun_fixture.h"
#include "partialfc/checkpoint/checkpoint_folder.h"

namespace partialfc {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

TEST_F(Mpirun, TrainsOnTwoRanksAndResumesOnOneAndThree) {
  write_images(draw_classes(20, 6), 20);
  const ChildResult result = run_all(train_on(2));
  expect_done(result);
  EXPECT_THAT(result.err, HasSubstr("batch 12 on 2 ranks x 1 thread, 6 steps"));
  EXPECT_EQ(latest_checkpoint(folder_ / "run").checkpoint->manifest.world_size, 2);
  expect_done(train({"--resume", "--train.steps=8"}));
  const ChildResult three = run_all(train_on(3, {"--resume", "--train.steps=10"}));
  expect_done(three);
  EXPECT_THAT(three.err, HasSubstr("at step 8, sample 96 (saved by 1 rank)"));
  EXPECT_EQ(latest_checkpoint(folder_ / "run").checkpoint->manifest.world_size, 3);
}

// docs/coming-from-horovod.md: PARTIALFC_HOROVOD is a Python that has horovod. Built without a framework, as it can
// be anywhere, its launcher says that it has no MPI, though it needs nothing of that framework to call mpirun.
TEST_F(Mpirun, HorovodrunStartsATraining) {
  const char* const python = std::getenv("PARTIALFC_HOROVOD");
  if (python == nullptr) GTEST_SKIP() << "PARTIALFC_HOROVOD names no Python with horovod";
  write_images(draw_classes(20, 6), 20);
  write_file_atomically(folder_ / "horovodrun.py", R"(from horovod.runner import launch
if __name__ == "__main__":
    launch.mpi_built = lambda verbose=False: True
    launch.run_commandline()
)");
  const ChildResult result = run_all({"env", "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1",
                                      python, "horovodrun.py", "--mpi", "-np", "2", "-H", "localhost:2",
                                      PARTIALFC_PROGRAM, "train", "r.toml", "-o", "run", "--threads=1"});
  expect_done(result);
  EXPECT_THAT(result.out + result.err, HasSubstr("batch 12 on 2 ranks x 1 thread, 6 steps"));
  EXPECT_EQ(latest_checkpoint(folder_ / "run").checkpoint->manifest.world_size, 2);
}

TEST_F(Mpirun, ATraceHoldsTheSpansOfAllRanks) {
  write_images(draw_classes(20, 6), 20);
  expect_done(run_all(train_on(2, {"--trace=trace.json"})));
  std::set<std::pair<int, std::string>> lanes, spans;
  double first = 1e9, bytes = 0;
  for (const auto& event : nlohmann::json::parse(read_text_file(folder_ / "trace.json"))) {
    const int rank = event["pid"];
    if (event["name"] == "thread_name") lanes.insert({rank, event["args"]["name"]});
    if (event["ph"] != "X") continue;
    spans.insert({rank, event["name"]});
    first = std::min(first, event["ts"].get<double>());
    if (event["name"] == "reduce_scatter") bytes = event["args"]["bytes"];
  }
  for (const int rank : {0, 1}) {
    for (const char* lane : {"trainer", "head update", "loader", "comm head", "comm gradients"})
      EXPECT_TRUE(lanes.contains({rank, lane})) << rank << " " << lane;
    for (const char* span : {"step", "backbone.backward", "head.update", "all_reduce", "data.decode"})
      EXPECT_TRUE(spans.contains({rank, span})) << rank << " " << span;
  }
  EXPECT_GE(first, 0);          // from the beginning of the first rank
  EXPECT_EQ(bytes, 6 * 8 * 4);  // a rank's share of the batch, of 8 float32
  expect_failure(run_all(train_on(2, {"--overwrite", "--trace=none/trace.json"})), kFailed,
                 {"none/trace.json"});
}

TEST_F(Mpirun, RanksOfAHostShareOneCopyInMemory) {
  write_images(draw_classes(20, 6), 20);
  create_folders(folder_ / "ram");
  const ChildResult result = run_all(train_on(3, {"--data.cache=ram", "--data.cache_folder=ram"}));
  expect_done(result);
  EXPECT_THAT(result.err, HasSubstr("into memory: 100 %"));
  EXPECT_EQ(result.err.find("100 %"), result.err.rfind("100 %")) << result.err;
  for (const auto& own : std::filesystem::directory_iterator(folder_ / "ram"))
    EXPECT_TRUE(std::filesystem::is_empty(own.path())) << "a copy is left";
}

TEST_F(Mpirun, MoreRanksThanClassesIsToldOnce) {
  write_images(draw_classes(2, 12), 2);
  expect_failure(run_all(train_on(3)), kWrongUsage, {"rank 0: 3 ranks for 2 classes", "start fewer ranks"});
}

// Rank 1 begins a collective of each step late: the steps are those of one rank, and rank 1 is named.
TEST_F(Mpirun, ASlowRankTakesTheSameStepsAndIsNamed) {
  std::vector<LabelledImage>
      images;  // each half of a batch is the same, so BatchNorm finds the same statistics
  for (int repeat = 0; repeat < 6; ++repeat)
    for (const int64_t label : {7, 11}) images.push_back(draw_image(label, 0));
  write_images(images, 19);  // classes that two ranks cannot share evenly
  const std::vector<std::string> changes = {"--train.steps=12", "--data.shuffle=false", "--augment.mirror=0"};
  std::vector<std::string> rank = {"env", PARTIALFC_PROGRAM, "train", "r.toml", "-o", "run", "--threads=1"};
  rank.insert(rank.end(), changes.begin(), changes.end());
  std::vector<std::string> late = rank;
  late.insert(late.begin() + 1, "LD_PRELOAD=" PARTIALFC_SLOW_RANK);
  const ChildResult result = run_all(mpirun_two(rank, late));
  expect_done(result);
  EXPECT_THAT(result.err, HasSubstr("; rank 1 is the slowest: without it a step could be "));
  const std::vector<double> together = losses();
  std::vector<std::string> alone = changes;
  alone.push_back("--overwrite");
  expect_done(train(alone));
  const std::vector<double> expected = losses();
  ASSERT_EQ(together.size(), 12u);
  ASSERT_EQ(expected.size(), 12u);
  for (size_t i = 0; i < 12; ++i) EXPECT_NEAR(together[i], expected[i], 5e-3 * expected[i]) << "step " << i;
}

TEST_F(Mpirun, AStoppedRankIsLostWithinItsHeartbeat) {
  ChildProcess child(train_on(2, {"--data.source=synthetic", "--data.classes=100", "--train.steps=1000000",
                                  "--heartbeat=2"}),
                     {.folder = folder_.path()});
  ASSERT_TRUE(wait_for_metrics());
  const pid_t rank = process_of_rank(1);
  ASSERT_GT(rank, 0);
  ::kill(rank, SIGSTOP);
  const ChildResult result = child.wait();
  expect_failure(
      result, kFailed,
      {"rank 0: rank 1 on host ", " has not been heard of for 2 s: ", "rank 0 waits for rank 1 in "});
}

TEST_F(Mpirun, AnErrorOfOneRankEndsAllWithinSecondsWithItsReasonOnce) {
  write_images(draw_classes(20, 6), 20);
  const std::vector<std::string> good = command({"train", "r.toml", "-o", "run", "--threads=1"});
  std::vector<std::string> wrong = good;
  wrong.push_back("--data.path=none.rec");
  const ChildResult result = run_all(mpirun_two(good, wrong));
  expect_failure(result, kFailed,
                 {"rank 1: ", "none.rec: cannot open"});  // else run_all() kills it, with another code
}

TEST_F(Mpirun, ARankThatIsBoundToFewerCoresThanItsShareIsTold) {
  write_images(draw_classes(6, 4), 6);
  const auto train_with = [&](const std::string& binding) {
    return run_all({"mpirun", "--oversubscribe", "--bind-to", binding, "-np", "1", PARTIALFC_PROGRAM, "train",
                    "r.toml", "-o", "run", "--overwrite"});
  };
  cpu_set_t cores;
  ASSERT_EQ(::sched_getaffinity(0, sizeof cores, &cores), 0);
  ASSERT_GT(CPU_COUNT(&cores), 1) << "needs two cores";
  const ChildResult bound = train_with("hwthread");
  expect_done(bound);
  EXPECT_THAT(bound.err, HasSubstr("on 1 rank x 1 thread,"));
  EXPECT_THAT(bound.err, HasSubstr(fmt::format("a rank may run on 1 core, its share of this host is {}: "
                                               "start mpirun with --bind-to none",
                                               CPU_COUNT(&cores))));
  const ChildResult free = train_with("none");
  expect_done(free);
  EXPECT_THAT(free.err, HasSubstr(fmt::format("on 1 rank x {} threads,", CPU_COUNT(&cores))));
  EXPECT_THAT(free.err, Not(HasSubstr("--bind-to")));
}

TEST_F(Mpirun, ASignalToMpirunSavesAndStopsAllRanks) {
  ChildProcess child(train_on(2, {"--data.source=synthetic", "--data.classes=100", "--train.steps=1000000"}),
                     {.folder = folder_.path()});
  ASSERT_TRUE(wait_for_metrics());
  child.send(SIGUSR1);  // the one that mpirun hands on
  const ChildResult stopped = child.wait();
  EXPECT_EQ(stopped.exit_code, kStoppedAfterSaving) << stopped.err;
  EXPECT_TRUE(latest_checkpoint(folder_ / "run").checkpoint.has_value());
}

}  // namespace
}  // namespace partialfc
