#include "partialfc/launch/restarts.h"

#include <gtest/gtest.h>
#include <signal.h>

#include "partialfc/base/file.h"
#include "partialfc/base/test_support.h"

namespace partialfc {
namespace {

// A command that adds a line to a file, and ends with the first of these exit codes that has not been used.
class Restarts : public testing::Test {
 protected:
  int run(const std::string& exit_codes, RestartOptions options) {
    options.pause = std::chrono::seconds(0);
    options.on_restart = [this](int exit_code, int restart) { told_.push_back({exit_code, restart}); };
    const std::string script =
        "echo >> starts; set -- " + exit_codes + "; shift $(($(wc -l < starts) - 1)); exit $1";
    return run_with_restarts({"sh", "-c", "cd '" + folder_.path().string() + "'; " + script}, options);
  }
  size_t starts() { return read_text_file(folder_ / "starts").size(); }

  ScratchFolder folder_;
  std::vector<std::pair<int, int>> told_;
};

TEST_F(Restarts, UntilTheCommandIsDone) {
  EXPECT_EQ(run("7 9 0 5", {.most = 5}), 0);
  EXPECT_EQ(starts(), 3u);
  EXPECT_EQ(told_, (std::vector<std::pair<int, int>>{{7, 1}, {9, 2}}));
}

TEST_F(Restarts, AsOftenAsIsAllowed) {
  EXPECT_EQ(run("7 8 9 0", {.most = 2}), 9);
  EXPECT_EQ(starts(), 3u);
  EXPECT_EQ(told_.size(), 2u);
}

TEST_F(Restarts, NotAfterAFinalExitCode) {
  EXPECT_EQ(run("7 75 0", {.most = 5, .is_final = [](int exit_code) { return exit_code == 75; }}), 75);
  EXPECT_EQ(starts(), 2u);
}

}  // namespace
}  // namespace partialfc
