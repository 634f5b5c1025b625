#include "partialfc/launch/restarts.h"

#include <gtest/gtest.h>

#include <vector>

namespace partialfc {
namespace {

class Restarts : public testing::Test {
 protected:
  // Of something that ends with the first of these exit codes, then the second.
  int run(const std::vector<int>& exit_codes, RestartOptions options) {
    options.pause = std::chrono::seconds(0);
    options.on_restart = [this](int exit_code, int restart) { told_.push_back({exit_code, restart}); };
    return run_with_restarts([&] { return exit_codes.at(starts_++); }, options);
  }

  size_t starts_ = 0;
  std::vector<std::pair<int, int>> told_;
};

TEST_F(Restarts, UntilItIsDone) {
  EXPECT_EQ(run({7, 9, 0, 5}, {.most = 5}), 0);
  EXPECT_EQ(starts_, 3u);
  EXPECT_EQ(told_, (std::vector<std::pair<int, int>>{{7, 1}, {9, 2}}));
}

TEST_F(Restarts, AsOftenAsIsAllowed) {
  EXPECT_EQ(run({7, 8, 9, 0}, {.most = 2}), 9);
  EXPECT_EQ(starts_, 3u);
  EXPECT_EQ(told_.size(), 2u);
}

TEST_F(Restarts, NotAfterAFinalExitCode) {
  EXPECT_EQ(run({7, 75, 0}, {.most = 5, .is_final = [](int exit_code) { return exit_code == 75; }}), 75);
  EXPECT_EQ(starts_, 2u);
}

TEST_F(Restarts, NotWhereItWasAskedToStop) {
  EXPECT_EQ(run({7, 8, 0}, {.most = 5, .is_stopped = [this] { return starts_ == 2; }}), 8);
  EXPECT_EQ(starts_, 2u);
  EXPECT_EQ(told_.size(), 1u);
}

}  // namespace
}  // namespace partialfc
