#include "partialfc/launch/child_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "partialfc/base/test_support.h"

namespace partialfc {
namespace {

using testing::HasSubstr;

ChildResult run(const std::vector<std::string>& command) { return ChildProcess(command, {}).wait(); }

TEST(ChildProcess, KeepsOutputAndExitCodeAndPassesArgumentsAsTheyAre) {
  const ChildResult result = run(
      {"sh", "-c", "printf '%s|' \"$@\"; echo told >&2; cat; exit 7", "sh", "a b", "it's", "", "$HOME;*\n"});
  EXPECT_EQ(result.exit_code, 7);
  EXPECT_EQ(result.out, "a b|it's||$HOME;*\n|");
  EXPECT_EQ(result.err, "told\n");  // and cat found no input
}

TEST(ChildProcess, RunsInTheFolder) {
  ScratchFolder folder;
  const ChildResult result = ChildProcess({"pwd", "-P"}, {.folder = folder.path()}).wait();
  EXPECT_EQ(result.out, std::filesystem::canonical(folder.path()).string() + "\n");
}

TEST(ChildProcess, MuchOutputDoesNotBlockIt) {
  EXPECT_EQ(run({"sh", "-c", "head -c 3000000 /dev/zero; head -c 200000 /dev/zero >&2"}).out.size(),
            3000000u);
}

TEST(ChildProcess, ASignalIsToldBy128AndItsNumber) {
  ChildProcess child({"sleep", "100"}, {});
  child.send(SIGTERM);
  EXPECT_EQ(child.wait(ChildProcess::kForever).exit_code, 128 + SIGTERM);
}

TEST(ChildProcess, OneThatTakesTooLongIsKilled) {
  const ChildResult result = ChildProcess({"sleep", "100"}, {}).wait(std::chrono::seconds(1));
  EXPECT_EQ(result.exit_code, 137);
  EXPECT_GE(result.seconds, 1);
  EXPECT_LT(result.seconds, 90);
}

TEST(ChildProcess, AMovedOneIsWaitedForOnce) {
  ChildProcess child({"echo", "x"}, {});
  ChildProcess moved(std::move(child));
  EXPECT_EQ(moved.wait().out, "x\n");
}

TEST(ChildProcess, OneThatCannotStartIsAnError) {
  EXPECT_THAT(message_of([] {
                run({"/none/such", "x"});
              }),
              HasSubstr("/none/such: cannot start it: No such file or directory"));
}

}  // namespace
}  // namespace partialfc
