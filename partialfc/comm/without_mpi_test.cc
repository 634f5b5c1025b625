// A library without MPI: a process alone is a world of one, and whatever needs more says why it cannot be.
#include <stdlib.h>

#include "partialfc/base/test_support.h"
#include "partialfc/comm/mpi.h"

namespace partialfc {
namespace {

constexpr const char* kWhy =
    ": partialfc was built without MPI and runs as one rank; start it alone, or build it where CMake finds Open MPI";

class WithoutMpi : public testing::Test {
 protected:
  ~WithoutMpi() override {
    for (const char* name : kSizes) ::unsetenv(name);
  }
  static constexpr const char* kSizes[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"};
};

TEST_F(WithoutMpi, AProcessAloneIsNotLaunched) {
  EXPECT_FALSE(MpiSession::launched_by_mpi());
  for (const char* name : kSizes) ::setenv(name, "1", 1);
  EXPECT_FALSE(MpiSession::launched_by_mpi());
}

TEST_F(WithoutMpi, OneOfSeveralIsRefused) {
  for (const char* name : kSizes) {
    ::setenv(name, "12", 1);
    EXPECT_TRUE(MpiSession::launched_by_mpi()) << name;
    EXPECT_EQ(message_of([] { MpiSession session; }),
              fmt::format("started as one of 12 ranks ({}){}", name, kWhy));
    ::unsetenv(name);
  }
}

TEST_F(WithoutMpi, WhatNeedsItSaysWhy) {
  EXPECT_EQ(message_of([] { MpiSession session; }), fmt::format("a session of MPI{}", kWhy));
  EXPECT_EQ(message_of([] { require_mpi("launch"); }), fmt::format("launch{}", kWhy));
  EXPECT_THROW(require_mpi("launch"), UsageError);
  EXPECT_EQ(mpi_versions().built, "");
}

}  // namespace
}  // namespace partialfc
