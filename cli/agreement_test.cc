// Ranks that were started with different recipes, data or folders: all end before anything is made, and say once what
// differs.
#include "cli/mpirun_fixture.h"
#include "cli/two_hosts.h"
#include "partialfc/base/host_name.h"

namespace partialfc {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Agreement : public Mpirun {
 protected:
  // One rank trains r.toml into run, another one `recipe` into `output`, as a host would that holds other files.
  ChildResult train_beside(const std::string& recipe, const std::vector<std::string>& more_of_second = {},
                           const std::string& output = "run") {
    std::vector<std::string> second = command({"train", recipe, "-o", output, "--threads=1"});
    second.insert(second.end(), more_of_second.begin(), more_of_second.end());
    return run_all(mpirun_two(command({"train", "r.toml", "-o", "run", "--threads=1"}), second));
  }
  // b.toml: r.toml with the first `from` replaced.
  void write_changed_recipe(const std::string& from, const std::string& to) {
    std::string text = read_text_file(folder_ / "r.toml");
    const size_t place = text.find(from);
    ASSERT_NE(place, std::string::npos) << from;
    write_file_atomically(folder_ / "b.toml", text.replace(place, from.size(), to));
  }
  // Wrong usage, told once; run_all() waits a minute for it, the ranks would wait ten for each other.
  void expect_disagreement(const ChildResult& result, const std::string& name, const std::string& of_first,
                           const std::string& of_second) {
    const std::string host = host_name();
    expect_failure(result, kWrongUsage,
                   {fmt::format("rank 0: {} is {} on rank 0 (host {}) and {} on rank 1 (host {})", name,
                                of_first, host, of_second, host)});
    EXPECT_FALSE(fs::exists(folder_ / "run"));
  }
};

TEST_F(Agreement, AnotherRecipeIsNamedByItsKey) {
  write_images(draw_classes(20, 6), 20);
  struct {
    const char *from, *to, *key, *first, *second;
  } const changes[] = {
      {"[train]\n", "[optimizer]\nlearning_rate = 0.2\n[train]\n", "optimizer.learning_rate", "0.1", "0.2"},
      {"[train]\n", "[train]\nseed = 2\n", "train.seed", "1", "2"},
      {"global_batch = 12", "global_batch = 16", "train.global_batch", "12", "16"},
      {"[data]\n", "[data]\nclasses = 21\n", "data.classes", "0", "21"},
      {"precision = \"fp32\"", "precision = \"bf16\"", "train.precision", "'fp32'", "'bf16'"},
      {"[head]\n", "[head]\nprecision = \"bf16\"\n", "head.precision", "'fp32'", "'bf16'"},
  };
  for (const auto& change : changes) {
    write_changed_recipe(change.from, change.to);
    expect_disagreement(train_beside("b.toml"), change.key, change.first, change.second);
  }
}

TEST_F(Agreement, AnOverrideOnOneRankIsNamedAsWell) {
  write_images(draw_classes(20, 6), 20);
  expect_disagreement(train_beside("r.toml", {"--optimizer.momentum=0.5"}), "optimizer.momentum", "0.9",
                      "0.5");
  expect_disagreement(train_beside("r.toml", {"--trace=trace.json"}), "--trace", "not given", "given");
  // A rank beats as often as its own allows: where another's is a tenth of it, that one would take it for lost.
  expect_disagreement(train_beside("r.toml", {"--heartbeat=0"}), "--heartbeat", "30", "0");
}

TEST_F(Agreement, ASetWithOneImageLessIsNamed) {
  std::vector<LabelledImage> images = draw_classes(20, 6);
  write_images(images, 20);
  images.pop_back();
  create_folders(folder_ / "other");
  write_set(folder_ / "other", images, 20);
  write_changed_recipe("set/train.rec", "other/train.rec");
  expect_disagreement(train_beside("b.toml"), "data.images", "120", "119");
}

TEST_F(Agreement, ARunsFolderThatIsNotSharedIsNamed) {
  write_images(draw_classes(20, 6), 20);
  const std::string folder = fs::canonical(folder_.path()).string();
  expect_failure(train_beside("r.toml", {}, "elsewhere"), kWrongUsage,
                 {folder + "/run, the run's folder of rank 0 (host ",
                  "), is not " + folder + "/elsewhere of rank 1 (host "});
  EXPECT_TRUE(fs::is_empty(folder_ / "run"));
}

class AgreementOfTwoHosts : public Agreement {
 protected:
  void SetUp() override {
    if (const std::string missing = TwoHosts::missing(); !missing.empty()) GTEST_SKIP() << missing;
    write_images(draw_classes(20, 6), 20);
  }
  // What a launch on two hosts says, the second of which sees the file or folder `there` in place of `here`.
  ChildResult launch_with(const std::string& there, const std::string& here) {
    const TwoHosts hosts(folder_ / "hosts", {{folder_ / there, folder_ / here}});
    const std::string both = fmt::format("{}:1,{}:1", TwoHosts::kFirst, TwoHosts::kSecond);
    return ChildProcess(hosts.on_first(command({"launch", "-np", "2", "-H", both, "--", "train", "r.toml",
                                                "-o", "run", "--threads=1"})),
                        {.folder = folder_.path()})
        .wait(std::chrono::seconds(120));
  }
};

TEST_F(AgreementOfTwoHosts, ARecipeThatWasEditedOnOneIsNamedWithTheHosts) {
  write_changed_recipe("[train]\n", "[optimizer]\nlearning_rate = 0.2\n[train]\n");
  const ChildResult result = launch_with("b.toml", "r.toml");
  EXPECT_EQ(result.exit_code, kWrongUsage);
  EXPECT_THAT(result.err, testing::ContainsRegex(
                              "optimizer.learning_rate is 0.1 on rank 0 .host [^ ]+. and 0.2 on rank 1 "
                              ".host [^ ]+.: all ranks must be started with the same recipe"));
}

TEST_F(AgreementOfTwoHosts, ARunsFolderOfEachHostsOwnIsNamedWithTheHosts) {
  create_folders(folder_ / "run");
  create_folders(folder_ / "own");
  const ChildResult result = launch_with("own", "run");
  EXPECT_EQ(result.exit_code, kWrongUsage);
  EXPECT_THAT(result.err,
              testing::ContainsRegex("/run, the run's folder of rank 0 .host [^ ]+., is not .*/run of rank 1 "
                                     ".host [^ ]+.: what rank 0 writes there is not seen here"));
}

}  // namespace
}  // namespace partialfc
