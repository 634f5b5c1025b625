// partialfc launch on two hosts: the same training as on one, and what it says of a host that cannot take part.
#include <nlohmann/json.hpp>

#include <algorithm>
#include <sstream>
#include <thread>

#include "cli/program_fixture.h"
#include "cli/run_mpirun.h"
#include "cli/two_hosts.h"

namespace partialfc {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;

class LaunchOnTwoHosts : public ProgramTest {
 protected:
  void SetUp() override {
    if (const std::string missing = TwoHosts::missing(); !missing.empty()) GTEST_SKIP() << missing;
  }
  ChildResult launch_from(const TwoHosts& hosts, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "launch");
    return ChildProcess(hosts.on_first(command(arguments)), {.folder = folder_.path()})
        .wait(std::chrono::seconds(120));
  }
  static std::vector<std::string> train_into(const std::string& output) {
    return {"--",
            "train",
            "r.toml",
            "-o",
            output,
            "--threads=1",
            "--data.source=synthetic",
            "--data.classes=100"};
  }
  std::vector<std::string> losses_of(const std::string& run) {
    std::vector<std::string> losses;
    std::istringstream metrics(read_text_file(folder_ / run / "metrics.jsonl"));
    for (std::string line; std::getline(metrics, line);)
      if (const auto json = nlohmann::json::parse(line); json.contains("loss"))
        losses.push_back(json["loss"].dump());
    return losses;
  }
  // Two ranks on two hosts, of which the second cannot: one line.
  void expect_refusal(const TwoHosts& hosts, const std::vector<std::string>& options,
                      const std::string& line) {
    std::vector<std::string> arguments = {"-np", "2", "-H", both_};
    arguments.insert(arguments.end(), options.begin(), options.end());
    for (const std::string& word : train_into("run")) arguments.push_back(word);
    const ChildResult result = launch_from(hosts, arguments);
    EXPECT_EQ(result.exit_code, kFailed);
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, testing::StartsWith("partialfc: " + line));
    EXPECT_EQ(std::ranges::count(result.err, '\n'), 1) << result.err;
    EXPECT_FALSE(fs::exists(folder_ / "run"));
  }

  const std::string both_ = fmt::format("{}:1,{}:1", TwoHosts::kFirst, TwoHosts::kSecond);
  const std::string second_ = TwoHosts::kSecond;
};

std::vector<std::string> operator+(std::vector<std::string> a, const std::vector<std::string>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST_F(LaunchOnTwoHosts, LossesAreThoseOfOneHost) {
  TwoHosts hosts(folder_ / "hosts");
  const ChildResult two =
      launch_from(hosts, std::vector<std::string>{"-np", "2", "-H", both_, "--verbose"} + train_into("two"));
  expect_done(two);
  EXPECT_THAT(two.err,
              AllOf(HasSubstr("are in order on " + second_ + "\n"),
                    testing::ContainsRegex("the hosts reach each other: latency .* us, bandwidth .* GB/s\n"),
                    HasSubstr("on 2 ranks x 1 thread")));
  const ChildResult one =
      launch_from(hosts, std::vector<std::string>{"-np", "2", "-H", "localhost:2"} + train_into("one"));
  expect_done(one);
  EXPECT_EQ(losses_of("one").size(), 6u);
  EXPECT_EQ(losses_of("two"), losses_of("one"));
}

TEST_F(LaunchOnTwoHosts, ArgumentsVariablesAndTheInterfaceReachBoth) {
  TwoHosts hosts(folder_ / "hosts");
  const ChildResult result = launch_from(
      hosts, {"-np", "2", "-H", both_, "-p", "22", "--network-interface=link0", "-x", "V=a;'b' $HOME", "sh",
              "-c", "printf '%s|%s|%s|%s|%s|%s|\\n' \"$(hostname)\" \"$(pwd)\" \"$V\" \"$@\"", "sh",
              "it's \"x\"", "$(y)", ""});
  expect_done(result);
  for (const int rank : {0, 1})
    EXPECT_THAT(result.out, testing::ContainsRegex(
                                fmt::format("\\[1,{}\\]<stdout>: ?pfc-[0-9]+-{}\\|{}\\|a;'b' \\$HOME\\|it's "
                                            "\"x\"\\|\\$\\(y\\)\\|\\|\n",
                                            rank, rank + 1, fs::canonical(folder_.path()).string())));
  // Not at once: Open MPI 5.0.7 may then wait for ever.
  EXPECT_EQ(launch_from(hosts, {"-np", "2", "-H", both_, "sh", "-c",
                                "[ $OMPI_COMM_WORLD_RANK = 0 ] || { sleep 3; exit 9; }; sleep 30"})
                .exit_code,
            9);
}

// The cable is pulled while they train: mpirun's keepalive, on either side, finds out.
TEST_F(LaunchOnTwoHosts, ALinkThatIsCutEndsBothSidesWithinAMinute) {
  TwoHosts hosts(folder_ / "hosts");
  ChildProcess child(
      hosts.on_first(command(std::vector<std::string>{"launch", "-np", "2", "-H", both_} + train_into("run") +
                             std::vector<std::string>{"--train.steps=100000000", "--train.log_every=100"})),
      {.folder = folder_.path()});
  const fs::path metrics = folder_ / "run/metrics.jsonl";
  for (int i = 0; i < 6000 && (!fs::exists(metrics) || fs::file_size(metrics) == 0); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  ASSERT_GT(hosts.processes_on_second(), 0u);
  hosts.cut_link();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  const ChildResult result = child.wait(std::chrono::seconds(60));
  while (hosts.processes_on_second() > 0 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(hosts.processes_on_second(), 0u);
  EXPECT_EQ(result.exit_code, kHostLost);
  EXPECT_THAT(result.err, AllOf(HasSubstr("lost communication with a remote daemon"),
                                // Open MPI 5 says the name that it has for itself.
                                testing::AnyOf(HasSubstr(second_), testing::ContainsRegex("pfc-[0-9]+-2"))));
}

TEST_F(LaunchOnTwoHosts, SshThatCannotLogInIsToldByItsReason) {
  TwoHosts hosts(folder_ / "hosts");
  expect_refusal(hosts, {"-p", "7"},
                 second_ + " port 7: connection refused: no sshd listens on that port (ssh: connect to host");
  hosts.change_second_host_key();
  expect_refusal(hosts, {}, second_ + ": its host key has changed (ssh: Host key verification failed.): ");
  hosts.forget_host_keys();
  expect_refusal(hosts, {},
                 second_ + ": its host key is not known here (ssh: Host key verification failed.): ");
}

TEST_F(LaunchOnTwoHosts, ANetworkThatMpiCannotUse) {
  TwoHosts hosts(folder_ / "hosts");
  expect_refusal(hosts, {"--network-interface", "none0"},
                 both_ + ": mpirun with a rank on each ends with exit code ");  // 1; of Open MPI 5: 213
}

TEST_F(LaunchOnTwoHosts, AHostThatAsksForAPassword) {
  TwoHosts hosts(folder_ / "hosts");
  hosts.refuse_keys();
  expect_refusal(hosts, {}, second_ + ": asks for a password, or refuses this user's key (");
}

TEST_F(LaunchOnTwoHosts, EachHostThatCannotBeReachedIsToldAtOnce) {
  TwoHosts hosts(folder_ / "hosts");
  const ChildResult result =
      launch_from(hosts, {"-np", "2", "-H",
                          fmt::format("{},{},{},{},no-such-host.invalid", both_, TwoHosts::kSilent,
                                      TwoHosts::kAbsent, TwoHosts::kUnreachable),
                          "true"});
  expect_failure(result, kFailed,
                 {fmt::format("partialfc: {}: no answer (", TwoHosts::kSilent),
                  fmt::format("\n{}: no route to it (", TwoHosts::kAbsent),
                  fmt::format("\n{}: no route to it (", TwoHosts::kUnreachable),
                  "\nno-such-host.invalid: unknown host name ("});
  EXPECT_EQ(std::ranges::count(result.err, '\n'), 4) << result.err;
}

TEST_F(LaunchOnTwoHosts, AProgramThatIsAbsentThereOrOfAnotherVersion) {
  const fs::path program = fs::canonical(PARTIALFC_WORKER);  // without which the other is of no use
  create_folders(folder_ / "empty");
  write_file_atomically(folder_ / "old", "#!/bin/sh\necho partialfc 0.0.1\n");
  fs::permissions(folder_ / "old", fs::perms::owner_all);
  {
    TwoHosts hosts(folder_ / "without", {{folder_ / "empty", program.parent_path()}});
    expect_refusal(hosts, {}, fmt::format("{}: {} is not found there: ", second_, program.string()));
  }
  TwoHosts hosts(folder_ / "other", {{folder_ / "old", program}});
  expect_refusal(hosts, {},
                 fmt::format("{}: {} is 'partialfc 0.0.1' there, 'partialfc ", second_, program.string()));
}

TEST_F(LaunchOnTwoHosts, VariablesOfTheRanksCountWhereHostsAreAsked) {
  TwoHosts hosts(folder_ / "hosts");
  expect_failure(launch_from(hosts, {"-np", "2", "-H", both_, "-x", "PATH=/none", "ls"}), kFailed,
                 {second_ + ": ls is not found there"});
}

TEST_F(LaunchOnTwoHosts, AFolderThatIsAbsentThere) {
  create_folders(folder_ / "empty");
  create_folders(folder_ / "disk/here");
  TwoHosts hosts(folder_ / "hosts", {{folder_ / "empty", folder_ / "disk"}});
  const ChildResult result =
      ChildProcess(hosts.on_first(command({"launch", "-np", "2", "-H", both_, "true"})),
                   {.folder = folder_ / "disk/here"})
          .wait();
  expect_failure(result, kFailed,
                 {second_ + ": " + fs::canonical(folder_ / "disk/here").string() + " is not there"});
}

}  // namespace
}  // namespace partialfc
