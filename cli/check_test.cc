// partialfc check on this machine: what it finds, and how it says so.
#include <dlfcn.h>

#include <sstream>

#include "cli/check_fixture.h"

namespace partialfc {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using Names = std::vector<std::string>;

TEST_F(Check, AMachineWithoutCudaIsInOrder) {
  const nlohmann::json all = checked({}, kDone);
  EXPECT_EQ(wrong_names(all), Names{});
  EXPECT_EQ(line_of(all, "tensor operations", "MPI")["status"], "ok");
  EXPECT_EQ(line_of(all, "controllers", "threads")["status"], "ok");
  const bool has_driver = ::dlopen("libcuda.so.1", RTLD_NOW) != nullptr;
  if (!has_driver) {
    EXPECT_EQ(line_of(all, "versions", "CUDA driver")["status"], "absent");
    EXPECT_EQ(line_of(all, "devices", "GPU")["status"], "absent");
    EXPECT_EQ(line_of(all, "tensor operations", "NCCL")["status"], "absent");
  }
  for (const char* name : {"libtorch", "Open MPI", "OpenBLAS"})
    EXPECT_EQ(line_of(all, "versions", name)["status"], "ok");
  // By its name, whichever version of oneDNN it is.
  if (PARTIALFC_HAS_ONEDNN) {
    EXPECT_THAT(line_of(all, "versions", "oneDNN")["found"].get<std::string>(),
                AllOf(HasSubstr(", runs with "), Not(HasSubstr("instruction set"))));
  }
  EXPECT_GT(line_of(all, "memory", "memory")["figures"]["available"].get<double>(), 1e6);
  EXPECT_THAT(line_of(all, "network interfaces", "lo")["found"].get<std::string>(), HasSubstr("127.0.0.1"));
}

// PyTorch's own builds have a BLAS in them, with names of OpenBLAS's, which this program has too.
TEST_F(Check, LibtorchCallsTheBlasThatItBrings) {
  const nlohmann::json all = checked({}, kDone);
  const std::string library = line_of(all, "versions", "libtorch")["found"].get<std::string>();
  if (library.find("/usr/lib") != std::string::npos)
    GTEST_SKIP() << "Debian's, which brings none: " << library;
  EXPECT_THAT(library,
              testing::EndsWith(line_of(all, "versions", "libtorch's BLAS")["found"].get<std::string>()));
}

TEST_F(Check, TheTableMarksWhatIsThereAndFits80Columns) {
  const ChildResult result = check({});
  expect_done(result);
  EXPECT_THAT(result.out, AllOf(HasSubstr("\ncontrollers\n  [X] MPI "), HasSubstr("\n  [X] threads "),
                                HasSubstr("\ntensor operations\n  [X] MPI "), HasSubstr("] NCCL "),
                                HasSubstr("\nnothing is wrong\n")));
  std::istringstream lines(result.out);
  for (std::string line; std::getline(lines, line);) {
    const bool one_long_word = line.find(' ', 27) == std::string::npos;
    EXPECT_TRUE(line.size() <= 80 || one_long_word) << line;
  }
}

// Libraries that stand in for NVIDIA's: found, and told to be of no use where the program was built without CUDA.
TEST_F(Check, CudaThatIsFoundIsTold) {
  const std::vector<std::string> words = command({"check", "--json"});
  std::vector<std::string> all_words = {"env", "LD_LIBRARY_PATH=" PARTIALFC_STAND_IN_CUDA};
  all_words.insert(all_words.end(), words.begin(), words.end());
  const ChildResult result = ChildProcess(all_words, {.folder = folder_.path()}).wait();
  expect_done(result);
  const nlohmann::json all = nlohmann::json::parse(result.out);
  const auto found = [&](const char* section, const char* name) {
    return line_of(all, section, name)["found"].get<std::string>();
  };
  const bool has_cuda = line_of(all, "versions", "CUDA")["status"] == "ok";
  const std::string not_used = has_cuda ? "" : ", not used: this program was built without CUDA";
  EXPECT_EQ(found("versions", "CUDA driver"), "13.0" + not_used);
  if (line_of(all, "versions", "libtorch's CUDA")["status"] == "absent") {  // else NCCL is loaded with it
    EXPECT_EQ(found("versions", "NCCL"), "2.23.4" + not_used);
  }
  EXPECT_EQ(found("devices", "GPU"), "Stand-in GPU, 80.0 GB" + not_used);
  EXPECT_EQ(line_of(all, "tensor operations", "NCCL")["status"], has_cuda ? "ok" : "absent");
}

TEST_F(Check, WrongUsage) {
  expect_failure(check({"--train.steps=3"}), kWrongUsage, {"'--train.steps=3' is not understood"});
  expect_failure(check({"r.toml", "--what"}), kWrongUsage, {"'--what' is not understood"});
  expect_failure(check({"-H", "a:1", "--hostfile", "f"}), kWrongUsage, {"exclude each other"});
  expect_failure(check({"r.toml", "-H", "localhost:2", "-n", "3"}), kWrongUsage, {"-n 3", "2 slots"});
}

}  // namespace
}  // namespace partialfc
