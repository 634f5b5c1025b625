// Runs whose class centers lie on GPUs: simulated ones, and a stand-in for NCCL between the ranks. The backbone is on
// the CPU.
#include <signal.h>
#include <sys/stat.h>

#include "cli/mpirun_fixture.h"

namespace partialfc {
namespace {

using testing::HasSubstr;

class DeviceTraining : public Mpirun {
 protected:
  static constexpr double kRounding = 2e-5;

  DeviceTraining() {
    ::setenv("PARTIALFC_SIMT_DEVICES", "2", 1);
    write_images(draw_classes(6, 8), 6);
  }
  ~DeviceTraining() override {
    for (const char* name : {"PARTIALFC_FAKE_NCCL", "PARTIALFC_SIMT_DEVICES", "NCCL_MULTI_RANK_GPU_ENABLE",
                             "CUDA_VISIBLE_DEVICES"})
      ::unsetenv(name);
  }

  static std::vector<std::string> train_on_gpus(int ranks, const std::vector<std::string>& more = {}) {
    std::vector<std::string> all = {PARTIALFC_SIMULATED, "train",      "r.toml", "-o", "run",
                                    "--threads=1",       "--overwrite"};
    if (std::ranges::count(more, "--resume") > 0) std::erase(all, "--overwrite");
    if (std::ranges::none_of(more,
                             [](const std::string& word) { return word.starts_with("--train.device"); }))
      all.push_back("--train.device=cuda");
    all.insert(all.end(), more.begin(), more.end());
    if (ranks == 1) return all;
    const std::vector<std::string> begin = {"-np", std::to_string(ranks)};
    all.insert(all.begin(), begin.begin(), begin.end());
    return mpirun(all);
  }
  std::vector<double> losses_on_cpu(int ranks, const std::vector<std::string>& more = {}) {
    std::vector<std::string> all = {"--overwrite"};
    all.insert(all.end(), more.begin(), more.end());
    expect_done(ranks == 1 ? train(all) : run_all(train_on(ranks, all)));
    return losses();
  }
  void expect_losses(const std::vector<double>& expected) {
    const std::vector<double> got = losses();
    ASSERT_FALSE(got.empty());
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], kRounding * expected[i]) << i;
  }
  // All ranks have ended within 30 seconds of the call, and said so.
  void expect_end_within_30_seconds(ChildProcess& child, const std::vector<std::string>& said) {
    const auto begin = std::chrono::steady_clock::now();
    const ChildResult result = child.wait();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
    EXPECT_NE(result.exit_code, kDone);
    for (const std::string& part : said) EXPECT_THAT(result.err, HasSubstr(part));
  }
  // A training of many steps, once it has taken one.
  std::unique_ptr<ChildProcess> endless(const std::vector<std::string>& more = {}) {
    std::vector<std::string> all = {"--data.source=synthetic", "--data.classes=100", "--train.steps=1000000",
                                    "--timeout=10", "--heartbeat=5"};
    all.insert(all.end(), more.begin(), more.end());
    auto child = std::make_unique<ChildProcess>(train_on_gpus(2, all),
                                                ChildProcess::Options{.folder = folder_.path()});
    EXPECT_TRUE(wait_for_metrics());
    return child;
  }
};

TEST_F(DeviceTraining, OneRankTakesTheStepsOfTheCpu) {
  const std::vector<double> expected = losses_on_cpu(1);
  const ChildResult result = run_all(train_on_gpus(1));
  expect_done(result);
  EXPECT_THAT(result.err, HasSubstr(", on cuda:0 (simulated"));
  expect_losses(expected);
}

TEST_F(DeviceTraining, TwoRanksOverNcclTakeTheStepsOfMpi) {
  const std::vector<std::string> more = {"--head.sample_rate=0.5", "--train.steps=12"};
  const std::vector<double> expected = losses_on_cpu(2, more);
  expect_done(run_all(train_on_gpus(2, more)));
  expect_losses(expected);
}

TEST_F(DeviceTraining, RowsInTheHostsMemoryTakeTheSameSteps) {
  const std::vector<double> expected = losses_on_cpu(2);
  expect_done(run_all(train_on_gpus(2, {"--head.frame_memory=0.001"})));
  expect_losses(expected);
}

// Steps on the CPU, on GPUs, and on the CPU again, each from the checkpoint of those before.
TEST_F(DeviceTraining, ARunGoesOnOnTheOtherDevice) {
  const auto train_in_turn = [&](auto&& command_of_middle) {
    losses_on_cpu(2, {"--train.steps=3"});
    expect_done(run_all(command_of_middle(2, std::vector<std::string>{"--train.steps=6", "--resume"})));
    expect_done(train({"--train.steps=9", "--resume"}));
    return losses();
  };
  const std::vector<double> expected = train_in_turn(train_on);
  train_in_turn(train_on_gpus);
  ASSERT_EQ(expected.size(), 9u);
  expect_losses(expected);
}

TEST_F(DeviceTraining, ARankThatIsKilledEndsAll) {
  const auto child = endless();
  ::kill(process_of_rank(1), SIGKILL);
  // mpirun, which sees it first, ends the others; no rank gets to say in which operation it was.
  expect_end_within_30_seconds(*child, {"rank 1 ", "signal 9"});
}

TEST_F(DeviceTraining, ARankThatStopsIsNamed) {
  const auto child = endless();
  ::kill(process_of_rank(1), SIGSTOP);
  expect_end_within_30_seconds(
      *child, {"rank 0: rank 1 on host ", " has not been heard of for 5 s: ", " waits for rank 1 in "});
}

// Its image never comes: a pipe into which nobody writes.
TEST_F(DeviceTraining, ARankThatIsLateIsNamed) {
  std::string list;
  const std::vector<LabelledImage> images = draw_classes(6, 8);
  for (size_t i = 0; i < images.size(); ++i) {
    const std::string name = fmt::format("{}.png", i);
    list += fmt::format("{} {}\n", name, images[i].label);
    if (i != 30)  // in the third batch of 12 one of rank 1's
      write_file_atomically(folder_ / name, std::string(reinterpret_cast<const char*>(images[i].bytes.data()),
                                                        images[i].bytes.size()));
  }
  write_file_atomically(folder_ / "list.txt", list);
  ASSERT_EQ(::mkfifo((folder_ / "30.png").c_str(), 0600), 0);
  ChildProcess child(
      train_on_gpus(2, {"--data.path=list.txt", "--data.shuffle=false", "--data.prefetch=1", "--timeout=10"}),
      {.folder = folder_.path()});
  ASSERT_TRUE(wait_for_metrics());
  expect_end_within_30_seconds(
      child, {" of channel head): not finished after 10 s: rank 1 has not started it: its last was "});
}

TEST_F(DeviceTraining, AnErrorOfNcclEndsAll) {
  ::setenv("PARTIALFC_FAKE_NCCL", "fail 1 20", 1);
  const auto child = endless();
  expect_end_within_30_seconds(*child,
                               {"rank 1: NCCL on rank 1 on host ", " of channel head: ", "the cable is out"});
}

TEST_F(DeviceTraining, RanksShareAGpuOnlyWhereNcclIsToldToLetThem) {
  const auto refused = [&](const std::string& device, const std::string& numbers) {
    const ChildResult result = run_all(train_on_gpus(2, {"--train.device=" + device}));
    EXPECT_EQ(result.exit_code, kWrongUsage);
    EXPECT_THAT(result.err,
                AllOf(HasSubstr("train.device = '" + device + "': 2 ranks on host "), HasSubstr(numbers)));
  };
  refused("cuda:0", " for 1 GPU: ");
  ::setenv("PARTIALFC_SIMT_DEVICES", "1", 1);
  refused("cuda", " for 1 GPU: ");
  ::setenv("NCCL_MULTI_RANK_GPU_ENABLE", "1", 1);
  expect_done(run_all(train_on_gpus(2)));
}

TEST_F(DeviceTraining, WithoutAGpuOneSentenceSaysSo) {
  ::setenv("CUDA_VISIBLE_DEVICES", "", 1);
  const ChildResult result = train({"--train.device=cuda"});
  EXPECT_EQ(result.exit_code, kFailed);
  EXPECT_THAT(result.err, testing::StartsWith("partialfc: train.device = 'cuda': no GPU can be used: "));
  EXPECT_EQ(std::ranges::count(result.err, '\n'), 1);
}

// Debian's libtorch trains with the layer on the GPU, and cannot do without the CPU for the backbone.
TEST_F(DeviceTraining, ABackboneGoesToAGpuByALibtorchThatKnowsThemAlone) {
  expect_done(run_all(train_on_gpus(1)));
  write_verification_pack(folder_ / "p.bin", draw_pairs(20, 20));
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"embed", "--model=run", "set", "out"},
        {"verify", "--model=run", "--pack=p.bin"}}) {
    std::vector<std::string> all = {PARTIALFC_SIMULATED};
    all.insert(all.end(), command.begin(), command.end());
    all.push_back("--device=cuda:1");
    const ChildResult result = run_all(all);
    EXPECT_EQ(result.exit_code, kWrongUsage);
    EXPECT_THAT(result.err, HasSubstr("cuda:1: this program's libtorch knows no GPUs"));
  }
}

}  // namespace
}  // namespace partialfc
