// For tests of the program: a folder with a small set and a recipe in it, in which the program is run.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <string>
#include <vector>

#include "cli/exit_codes.h"
#include "partialfc/base/file.h"
#include "partialfc/base/test_support.h"
#include "partialfc/launch/child_process.h"
#include "trainer/test_data.h"

namespace partialfc {

// mpirun refuses to run as root, as in a container, unless these two say so.
inline void allow_mpirun_as_root() {
  ::setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
  ::setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
}

class ProgramTest : public testing::Test {
 protected:
  // r.toml trains six steps on set/train.rec, which is for the test to write.
  ProgramTest() {
    ::setenv("GOMP_SPINCOUNT", "1000",
             1);  // else the program sets it and starts itself again (main.cc), which takes time
    create_folders(folder_ / "set");
    write_file_atomically(folder_ / "r.toml", R"([data]
path = "set/train.rec"
height = 12
width = 12
channels = 1
threads = 1
[backbone]
name = "small"
embedding = 8
width = 4
stages = 2
[head]
scale = 16
[train]
steps = 6
global_batch = 12
precision = "fp32"
log_every = 1
[checkpoint]
every = 3
)");
  }

  void write_images(const std::vector<LabelledImage>& images, int64_t num_classes) {
    write_set(folder_ / "set", images, num_classes);
  }

  static std::vector<std::string> command(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), PARTIALFC_PROGRAM);
    return arguments;
  }
  // largest_file: bytes; a write beyond fails, as on a full disk. 0: any.
  ChildResult run(const std::vector<std::string>& arguments, int64_t largest_file = 0) {
    std::vector<std::string> all = command(arguments);
    if (largest_file > 0) {
      const std::vector<std::string> limit = {"env", "--ignore-signal=XFSZ", "prlimit",
                                              fmt::format("--fsize={}", largest_file)};
      all.insert(all.begin(), limit.begin(), limit.end());
    }
    return ChildProcess(all, {.folder = folder_.path()}).wait();
  }
  // Trains r.toml into run/.
  ChildResult train(const std::vector<std::string>& more = {}, int64_t largest_file = 0) {
    std::vector<std::string> arguments = {"train", "r.toml", "-o", "run", "--threads=1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments, largest_file);
  }
  std::string newest_checkpoint() { return read_text_file(folder_ / "run/latest"); }

  ScratchFolder folder_;
};

// A result of that exit code, on standard error one message that begins with "partialfc: " and holds all `parts`.
inline void expect_failure(const ChildResult& result, int exit_code, const std::vector<std::string>& parts) {
  EXPECT_EQ(result.exit_code, exit_code) << result.err;
  const size_t message = result.err.find("partialfc: ");
  ASSERT_NE(message, std::string::npos) << result.err;
  EXPECT_EQ(result.err.find("partialfc: ", message + 1), std::string::npos) << result.err;
  for (const std::string& part : parts) EXPECT_THAT(result.err.substr(message), testing::HasSubstr(part));
}

// A help text that tells this default: CLI11 2.1 writes it as =600, 2.4 as [600].
inline auto tells_default(const std::string& value) {
  return testing::AnyOf(testing::HasSubstr("=" + value), testing::HasSubstr("[" + value + "]"));
}

inline void expect_done(const ChildResult& result) { EXPECT_EQ(result.exit_code, kDone) << result.err; }

}  // namespace partialfc
