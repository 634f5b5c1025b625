// A run under a limit on memory: what training, check and plan say of it is one figure, and the run takes no more.
#include <cmath>
#include <nlohmann/json.hpp>
#include <regex>

#include "cli/control_group.h"
#include "cli/program_fixture.h"

namespace partialfc {
namespace {

using testing::HasSubstr;

// Beside the program itself, which is larger with one libtorch than with another.
constexpr int64_t kLimitOfRun = 600'000'000;

class MemoryLimit : public ProgramTest {
 protected:
  // Centers that are saved on the way, and images of which a batch takes more than is left.
  MemoryLimit() {
    write_file_atomically(folder_ / "r.toml", R"(
data = { source = "synthetic", classes = 60000, height = 112, width = 112 }
backbone = { name = "small", embedding = 256, width = 8 }
train = { steps = 18, global_batch = 96, precision = "fp32", micro_batches = 0 }
checkpoint = { every = 16 }
)");
    const ChildResult plan = run({"plan", "r.toml", "--train.micro_batches=1", "--json"});
    const double program = nlohmann::json::parse(plan.out)["memory"]["items"]["program"];
    limit_ = kLimitOfRun + static_cast<int64_t>(program);
    group_ = ControlGroup::with_memory(limit_);
  }

  // Where no control group can be made, what it would tell has to be given.
  ChildResult run_limited(std::vector<std::string> arguments, const std::string& instead) {
    if (!group_) arguments.push_back(instead);
    const std::vector<std::string> all = command(arguments);
    return ChildProcess(group_ ? group_->enter(all) : all, {.folder = folder_.path()})
        .wait(std::chrono::seconds(250));
  }

  int64_t limit_ = 0;
  std::unique_ptr<ControlGroup> group_;
};

// The figure of check, which chooses parts too; without a group there is nothing to tell it of a limit.
TEST_F(MemoryLimit, CheckAndPlanSayTheSame) {
  const auto said_by = [&](const char* subcommand) {
    return nlohmann::json::parse(
        run_limited({subcommand, "r.toml", "--json"}, "--train.micro_batches=1").out);
  };
  const auto plan = said_by("plan"), check = said_by("check");
  const double planned = plan["memory"]["total_bytes"];
  for (const auto& line : check["checks"])
    if (line["name"] == "memory" && line["section"].get<std::string>().starts_with("recipe")) {
      // What is resident before training differs a little from process to process.
      EXPECT_NEAR(line["figures"]["rank"].get<double>() / planned, 1, 0.05) << line;
      return;
    }
  ADD_FAILURE() << check;
}

TEST_F(MemoryLimit, ARunThatSavesOnTheWayTakesWhatThePlanSays) {
  const auto planned = [&](const std::string& more) {
    const ChildResult result =
        run_limited({"plan", "r.toml", "--threads=2", "--json", more},
                    fmt::format("--memory={}", static_cast<double>(limit_) / (1 << 30)));
    expect_done(result);
    return nlohmann::json::parse(result.out);
  };
  const int64_t planned_parts = planned("--train.micro_batches=0")["shape"]["micro_batches"];
  EXPECT_GT(planned_parts, 1);

  const ChildResult trained = run_limited({"train", "r.toml", "-o", "run", "--threads=2"},
                                          fmt::format("--train.micro_batches={}", planned_parts));
  expect_done(trained);
  std::smatch said;
  ASSERT_TRUE(std::regex_search(trained.err, said, std::regex(" in ([0-9]+) micro-batches"))) << trained.err;
  // Each looks at what is left when it has begun, and the two have not loaded the same by then.
  const int64_t parts = std::stoll(said[1]);
  EXPECT_NEAR(static_cast<double>(parts), static_cast<double>(planned_parts), 1);
  const double total = planned("--train.micro_batches=" + said[1].str())["memory"]["total_bytes"];
  EXPECT_LT(total, limit_);
  const auto taken = static_cast<double>(trained.peak_memory);
  std::printf("%s %.0f MB: planned %.0f MB in %d parts, taken %.0f MB, %.2f\n",
              group_ ? "in a control group of" : "without a control group, of",
              static_cast<double>(limit_) / 1e6, total / 1e6, static_cast<int>(parts), taken / 1e6,
              total / taken);
  EXPECT_LT(taken, limit_);
  EXPECT_NEAR(total / taken, 1, 0.1);
}

}  // namespace
}  // namespace partialfc
