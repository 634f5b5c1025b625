// The program as it is called answers at once, and finds the one that does the work.
#include <sys/resource.h>

#include <algorithm>

#include "cli/program_fixture.h"

namespace partialfc {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class FrontTest : public ProgramTest {};

double children_seconds() {
  rusage usage;
  ::getrusage(RUSAGE_CHILDREN, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

TEST_F(FrontTest, LoadsNeitherLibtorchNorMpi) {
  // With this variable the loader lists the libraries, and starts nothing.
  const ChildResult listed = ChildProcess({"env", "LD_TRACE_LOADED_OBJECTS=1", PARTIALFC_PROGRAM}, {}).wait();
  EXPECT_THAT(listed.out, AllOf(HasSubstr("libc.so"), Not(HasSubstr("torch")), Not(HasSubstr("libmpi")),
                                Not(HasSubstr("openblas"))));
}

#ifdef NDEBUG  // not optimised, it takes longer
TEST_F(FrontTest, AnswersWithin80MillisecondsOfCpuTime) {
  write_images(draw_classes(3, 2), 3);
  struct Command {
    std::vector<std::string> words;
    int exit_code = kDone;
  };
  const std::vector<Command> commands = {{{"--version"}},
                                         {{"--help"}},
                                         {{"trian", "r.toml"}, kWrongUsage},
                                         {{"pack", "set/train.rec", "packed/set"}},
                                         {{"launch", "-np", "2", "--dry-run", "--", "train", "r.toml"}},
                                         {{"cache", "list"}},
                                         {{"plan", "--classes", "1000000"}}};
  for (const Command& command : commands) {
    double least = 1;
    for (int i = 0; i < 10 && least > 0.08; ++i) {
      std::filesystem::remove_all(folder_ / "packed");
      const double before = children_seconds();
      EXPECT_EQ(run(command.words).exit_code, command.exit_code) << command.words[0];
      least = std::min(least, children_seconds() - before);
    }
    EXPECT_LE(least, 0.08) << command.words[0];
  }
}
#endif

TEST_F(FrontTest, SaysWhatIsMissingBesideIt) {
  std::filesystem::copy_file(PARTIALFC_PROGRAM, folder_ / "partialfc");
  const ChildResult version = ChildProcess({(folder_ / "partialfc").string(), "--version"}, {}).wait();
  EXPECT_EQ(version.exit_code, kDone);
  const ChildResult train =
      ChildProcess({(folder_ / "partialfc").string(), "train", (folder_ / "r.toml").string()}, {}).wait();
  EXPECT_EQ(train.exit_code, kFailed);
  EXPECT_THAT(train.err,
              ContainsRegex("partialfc: .*/partialfc-worker: cannot start it: No such file or directory: "
                            "it belongs beside .*/partialfc, and does what needs libtorch or MPI\n"));
}

}  // namespace
}  // namespace partialfc
