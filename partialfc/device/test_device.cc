// Of programs that want a GPU: a last line that counts the tests that were not run, which ctest looks for.
#include <gtest/gtest.h>

#include <cstdio>

namespace {

class CountNotRun : public testing::Environment {
  void TearDown() override {
    const int count = testing::UnitTest::GetInstance()->skipped_test_count();
    if (count > 0) std::printf("%d tests not run: no GPU\n", count);
  }
};

const testing::Environment* const count_not_run = testing::AddGlobalTestEnvironment(new CountNotRun);

}  // namespace
