// partialfc launch --max-restarts: what is started again, from where, and what is not.
#include <signal.h>

#include <fstream>
#include <thread>

#include "cli/launch_fixture.h"
#include "partialfc/launch/shell_quote.h"

namespace partialfc {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

class LaunchRestarts : public Launch {
 protected:
  // Of a training that takes hours.
  static std::vector<std::string> endless_train() {
    return {"train",
            "r.toml",
            "-o",
            "run",
            "--threads=1",
            "--data.source=synthetic",
            "--data.classes=100",
            "--train.steps=100000000",
            "--checkpoint.every=20",
            "--overwrite"};
  }
  bool wait_for(const std::function<bool()>& condition) {
    for (int i = 0; i < 6000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
};

// Processes that `parent` has started, and those have.
std::vector<pid_t> descendants_of(pid_t parent) {
  std::vector<pid_t> all;
  std::ifstream children(fmt::format("/proc/{}/task/{}/children", parent, parent));
  for (pid_t child = 0; children >> child;) {
    all.push_back(child);
    for (const pid_t id : descendants_of(child)) all.push_back(id);
  }
  return all;
}

std::vector<pid_t> ranks_below(pid_t parent) {
  std::vector<pid_t> ranks;
  for (const pid_t id : descendants_of(parent))
    if (fs::exists(fmt::format("/proc/{}/exe", id)) &&
        fs::read_symlink(fmt::format("/proc/{}/exe", id)) == fs::canonical(PARTIALFC_WORKER))
      ranks.push_back(id);
  return ranks;
}

TEST_F(LaunchRestarts, AFailedTrainIsStartedAgainUpToTheLimit) {
  const ChildResult wrong = launch({"-np", "2", "--max-restarts", "2", "train", "none.toml"});
  EXPECT_EQ(wrong.exit_code, kFailed) << wrong.err;
  EXPECT_THAT(wrong.err, HasSubstr("launch: the ranks ended with exit code 1; restart 1 of 2 in 3 s\n"));
  EXPECT_THAT(wrong.err, HasSubstr("restart 2 of 2"));
  const ChildResult usage =
      launch({"-np", "2", "--max-restarts", "2", "train", "r.toml", "--train.steps", "5"});
  EXPECT_EQ(usage.exit_code, kWrongUsage);
  EXPECT_THAT(usage.err, Not(HasSubstr("restart")));
}

// A rank is killed: all start again from the newest checkpoint. Then the launcher is asked to stop.
TEST_F(LaunchRestarts, ATrainWhoseRankDiesGoesOnAndASignalSavesAndStopsIt) {
  const std::vector<std::string> words =
      std::vector<std::string>{"launch", "-np", "2", "--max-restarts=3"} + endless_train();
  ChildProcess child({"sh", "-c", "exec " + shell_line(command(words)) + " 2>told"},
                     {.folder = folder_.path()});
  const auto told = [&] { return fs::exists(folder_ / "told") ? read_text_file(folder_ / "told") : ""; };
  ASSERT_TRUE(wait_for([&] { return fs::exists(folder_ / "run/latest"); })) << told();
  const std::vector<pid_t> ranks = ranks_below(child.id());
  ASSERT_EQ(ranks.size(), 2u);
  ::kill(ranks[1], SIGKILL);
  ASSERT_TRUE(wait_for([&] { return told().find("resumed from run/step-") != std::string::npos; })) << told();
  EXPECT_THAT(told(), HasSubstr("launch: the ranks ended with exit code 137; restart 1 of 3 in 3 s"));
  const std::string before = newest_checkpoint();
  ASSERT_TRUE(wait_for([&] { return newest_checkpoint() != before; })) << told();
  child.send(SIGUSR1);
  EXPECT_EQ(child.wait().exit_code, kStoppedAfterSaving) << told();
  EXPECT_THAT(told(), Not(HasSubstr("restart 2")));
}

}  // namespace
}  // namespace partialfc
