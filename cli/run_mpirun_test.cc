// partialfc launch above an mpirun of the test's own: exit codes, signals, and what is made of a lost host.
#include <signal.h>
#include <stdlib.h>

#include <thread>

#include "cli/launch_fixture.h"
#include "cli/run_mpirun.h"

namespace partialfc {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

class RunMpirun : public ProgramTest {
 protected:
  // The shell script stands in for mpirun.
  void write_mpirun(const std::string& script) {
    create_folders(folder_ / "bin");
    write_file_atomically(folder_ / "bin/mpirun", "#!/bin/bash\n" + script + "\n");
    fs::permissions(folder_ / "bin/mpirun", fs::perms::owner_all);
  }
  std::vector<std::string> launch_line(const std::vector<std::string>& arguments) {
    return std::vector<std::string>{"env",
                                    fmt::format("PATH={}:{}", (folder_ / "bin").string(), ::getenv("PATH"))} +
           command(std::vector<std::string>{"launch", "-np", "2"} + arguments);
  }
  ChildResult launch(const std::vector<std::string>& arguments) {
    return ChildProcess(launch_line(arguments), {.folder = folder_.path()}).wait();
  }
  // In a session, so a group of processes, of its own.
  ChildProcess start() {
    return ChildProcess(std::vector<std::string>{"setsid"} + launch_line({"true"}),
                        {.folder = folder_.path()});
  }
  std::string told() { return fs::exists(folder_ / "told") ? read_text_file(folder_ / "told") : ""; }
  bool wait_until_told(const std::string& text) {
    for (int i = 0; i < 6000 && told().find(text) == std::string::npos; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return told().find(text) != std::string::npos;
  }

  const std::string lost_ = "RTE has lost communication with a remote daemon.";
};

TEST_F(RunMpirun, ItsStreamsAndExitCodeAreThoseOfLaunch) {
  write_mpirun("echo out; echo err >&2; printf 'no end of line' >&2; exit 7");
  const ChildResult result = launch({"true"});
  EXPECT_EQ(result.exit_code, 7);
  EXPECT_EQ(result.out, "out\n");
  EXPECT_EQ(result.err, "err\nno end of line");
  write_mpirun("kill -KILL $$");
  EXPECT_EQ(launch({"true"}).exit_code, 128 + SIGKILL);
  write_mpirun("head -c 1000000 /dev/zero | tr '\\0' x >&2");
  EXPECT_EQ(launch({"true"}).err.size(), 1000000u);
}

TEST_F(RunMpirun, WhatItLeavesBehindIsNotWaitedFor) {
  write_mpirun("sleep 1000 & echo $! >left; exit 3");
  EXPECT_EQ(launch({"true"}).exit_code, 3);
  ::kill(std::stoi(read_text_file(folder_ / "left")), SIGKILL);
}

TEST_F(RunMpirun, OneThatIsNotThereIsAnError) {
  const ChildResult result =
      ChildProcess(std::vector<std::string>{"env", "PATH="} + command({"launch", "-np", "1", "true"}), {})
          .wait();
  expect_failure(
      result, kFailed,
      {"mpirun: cannot start it: No such file or directory: install Open MPI (Debian: openmpi-bin)"});
}

TEST_F(RunMpirun, ALostHostIsNoSuccessWhateverItsExitCode) {
  for (const std::string letter : {"O", "P"}) {  // Open MPI 4, 5
    write_mpirun(fmt::format("echo '{}{}' >&2; exit 0", letter, lost_));
    const ChildResult result = launch({"true"});
    EXPECT_EQ(result.exit_code, kHostLost);
    EXPECT_THAT(result.err,
                HasSubstr(letter + lost_ + "\nlaunch: mpirun ends with exit code 0, but has lost a host"));
  }
  write_mpirun(fmt::format("echo 'P{}' >&2; exit 7", lost_));
  EXPECT_EQ(launch({"true"}).exit_code, 7);
}

TEST_F(RunMpirun, WhatARankSaysOfALostHostIsNotBelieved) {
  write_mpirun(fmt::format("echo '[1,0]<stderr>: P{0}' >&2; echo 'P{0}'; exit 0", lost_));
  expect_done(launch({"true"}));
}

TEST_F(RunMpirun, ATrainThatLosesAHostIsStartedAgain) {
  write_mpirun(fmt::format("echo start >>told; [ $(wc -l <told) = 2 ] || echo 'P{}' >&2", lost_));
  const ChildResult result = launch({"--max-restarts=3", "train", "r.toml"});
  expect_done(result);
  EXPECT_THAT(result.err, HasSubstr("launch: the ranks ended with exit code 205; restart 1 of 3 in 3 s\n"));
  EXPECT_THAT(result.err, Not(HasSubstr("restart 2")));
}

// To the whole group, as a terminal does it and a shell's `kill %1`: mpirun would take a second one for haste.
TEST_F(RunMpirun, ASignalToTheGroupReachesItOnce) {
  for (const auto& [number, name] : {std::pair{SIGINT, "INT"}, {SIGTERM, "TERM"}, {SIGUSR1, "USR1"}}) {
    write_mpirun(
        fmt::format("trap 'echo {} >>told' {}; echo begun >told; "
                    "until grep -q {} told; do sleep 0.1; done; sleep 1; exit 75",
                    name, name, name));
    ChildProcess launch = start();
    ASSERT_TRUE(wait_until_told("begun"));
    ::kill(-launch.id(), number);
    EXPECT_EQ(launch.wait().exit_code, 75);
    EXPECT_EQ(told(), fmt::format("begun\n{}\n", name));
    fs::remove(folder_ / "told");
  }
}

TEST_F(RunMpirun, ItIsAskedToEndWhereLaunchDies) {
  write_mpirun("trap 'echo TERM >>told; exit' TERM; echo begun >told; while :; do sleep 0.1; done");
  ChildProcess launch = start();
  ASSERT_TRUE(wait_until_told("begun"));
  launch.send(SIGKILL);
  EXPECT_EQ(launch.wait().exit_code, 128 + SIGKILL);
  EXPECT_TRUE(wait_until_told("TERM"));
}

}  // namespace
}  // namespace partialfc
