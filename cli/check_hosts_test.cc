// partialfc check --hosts: hosts that can be used, with what the network between them gives, and those that cannot.
#include <nlohmann/json.hpp>

#include "cli/program_fixture.h"
#include "cli/two_hosts.h"

namespace partialfc {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

class CheckHosts : public ProgramTest {
 protected:
  // Lines of section "hosts" in the answer, by name.
  std::map<std::string, nlohmann::json> hosts_in(const ChildResult& result) {
    std::map<std::string, nlohmann::json> lines;
    const nlohmann::json all = nlohmann::json::parse(result.out, nullptr, false);
    if (all.is_discarded()) {
      ADD_FAILURE() << result.out << result.err;
      return lines;
    }
    for (const nlohmann::json& line : all["checks"])
      if (line["section"] == "hosts") lines[line["name"]] = line;
    return lines;
  }
  ChildResult check_from(const TwoHosts& hosts, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"check", "--json"});
    return ChildProcess(hosts.on_first(command(arguments)), {.folder = folder_.path()})
        .wait(std::chrono::seconds(180));
  }
  static void expect_link(const nlohmann::json& line) {
    EXPECT_EQ(line["status"], "ok") << line.dump();
    EXPECT_THAT(line["found"].get<std::string>(), MatchesRegex("latency .* us, bandwidth .* GB/s"));
    EXPECT_GT(line["figures"]["latency"].get<double>(), 0);
    EXPECT_LT(line["figures"]["latency"].get<double>(), 1);
    EXPECT_GT(line["figures"]["bandwidth"].get<double>(), 1e6);
    EXPECT_LT(line["figures"]["bandwidth"].get<double>(), 1e12);
  }

  const std::string both_ = fmt::format("{}:1,{}:1", TwoHosts::kFirst, TwoHosts::kSecond);
};

TEST_F(CheckHosts, ThisHostAloneIsMeasuredBetweenTwoRanks) {
  const ChildResult result = run({"check", "--json", "--hosts", "localhost:2"});
  expect_done(result);
  auto lines = hosts_in(result);
  EXPECT_EQ(lines["localhost"]["found"], "this host");
  expect_link(lines["two ranks here"]);
}

TEST_F(CheckHosts, TwoHostsAreMeasuredFromAHostfileToo) {
  if (const std::string missing = TwoHosts::missing(); !missing.empty()) GTEST_SKIP() << missing;
  TwoHosts hosts(folder_ / "hosts");
  write_file_atomically(folder_ / "hostfile",
                        fmt::format("{} slots=3\n{}:2\n", TwoHosts::kFirst, TwoHosts::kSecond));
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"-H", both_, "--network-interface", "link0"}, {"--hostfile", "hostfile"}}) {
    const ChildResult result = check_from(hosts, words);
    expect_done(result);
    auto lines = hosts_in(result);
    EXPECT_EQ(lines[TwoHosts::kFirst]["found"], "this host");
    EXPECT_THAT(lines[TwoHosts::kSecond]["found"].get<std::string>(), HasSubstr("are in order"));
    expect_link(lines["2 hosts"]);
  }
}

TEST_F(CheckHosts, EachHostThatCannotBeUsedIsNamed) {
  if (const std::string missing = TwoHosts::missing(); !missing.empty()) GTEST_SKIP() << missing;
  TwoHosts hosts(folder_ / "hosts");
  const std::string unknown = "no-such-host.invalid";
  const ChildResult result =
      check_from(hosts, {"-H", fmt::format("{},{},{}", both_, TwoHosts::kAbsent, unknown)});
  EXPECT_EQ(result.exit_code, kFailed) << result.err;
  auto lines = hosts_in(result);
  EXPECT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[TwoHosts::kSecond]["status"], "ok");
  for (const auto& [host, words] :
       {std::pair<std::string, std::string>{TwoHosts::kAbsent, ": no route to it ("},
        {unknown, ": unknown host name ("}}) {
    EXPECT_EQ(lines[host]["status"], "wrong");
    EXPECT_THAT(lines[host]["found"].get<std::string>(), StartsWith(host + words));
  }
}

TEST_F(CheckHosts, AWrongPortAndARefusedKey) {
  if (const std::string missing = TwoHosts::missing(); !missing.empty()) GTEST_SKIP() << missing;
  TwoHosts hosts(folder_ / "hosts");
  auto lines = hosts_in(check_from(hosts, {"-H", both_, "-p", "7"}));
  EXPECT_THAT(lines[TwoHosts::kSecond]["found"].get<std::string>(),
              StartsWith(fmt::format("{} port 7: connection refused", TwoHosts::kSecond)));
  hosts.refuse_keys();
  lines = hosts_in(check_from(hosts, {"-H", both_}));
  EXPECT_THAT(lines[TwoHosts::kSecond]["found"].get<std::string>(),
              StartsWith(fmt::format("{}: asks for a password", TwoHosts::kSecond)));
}

// ssh works, but no interface of that name carries MPI.
TEST_F(CheckHosts, ANetworkThatMpiCannotUseIsNamed) {
  if (const std::string missing = TwoHosts::missing(); !missing.empty()) GTEST_SKIP() << missing;
  TwoHosts hosts(folder_ / "hosts");
  const ChildResult result = check_from(hosts, {"-H", both_, "--network-interface", "none0"});
  EXPECT_EQ(result.exit_code, kFailed) << result.out;
  auto lines = hosts_in(result);
  EXPECT_EQ(lines["2 hosts"]["status"], "wrong") << result.out;
  EXPECT_THAT(lines["2 hosts"]["remedy"].get<std::string>(), HasSubstr("--network-interface"));
}

}  // namespace
}  // namespace partialfc
