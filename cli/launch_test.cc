// partialfc launch on this machine alone: what it starts, refuses and prints.
#include <stdlib.h>
#include <unistd.h>

#include "cli/launch_fixture.h"
#include "partialfc/launch/shell_quote.h"

namespace partialfc {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

TEST_F(Launch, ADryRunPrintsALineForAShellAndContactsNoOne) {
  const std::vector<std::string> environment = {
      "env", "-i", "PATH=/usr/bin:/bin", "HOME=/", "OMP_NUM_THREADS=3", "OMP_WAIT_POLICY=PASSIVE"};
  const ChildResult result =
      ChildProcess(environment + command({"launch", "-np", "16", "-H", "ip1:8,ip2:8", "-p", "2222",
                                          "--network-interface", "eth0", "-x", "HOME", "-x", "A=b c",
                                          "--dry-run", "--", "train", "my recipe.toml", "--train.steps=5"}),
                   {.folder = folder_.path()})
          .wait();
  expect_done(result);
  EXPECT_EQ(
      result.out,
      std::string("mpirun ") + (::geteuid() == 0 ? "--allow-run-as-root " : "") +
          "--tag-output -np 16 -H ip1:8,ip2:8 --map-by slot --bind-to none --mca btl '^openib' "
          "--mca plm_rsh_args '-o BatchMode=yes -o ConnectTimeout=10 -p 2222' --mca plm_rsh_no_tree_spawn 1 "
          "--mca oob_tcp_keepalive_time 10 --mca oob_tcp_keepalive_intvl 5 --mca oob_tcp_keepalive_probes 2 "
          "--mca btl_tcp_if_include eth0 --mca oob_tcp_if_include eth0 "
          "-x OMP_NUM_THREADS -x OMP_WAIT_POLICY -x PATH -x HOME -x 'A=b c' -x NCCL_SOCKET_IFNAME==eth0 " +
          fs::canonical(PARTIALFC_PROGRAM).string() + " train 'my recipe.toml' --train.steps=5\n");
  EXPECT_EQ(result.err, "");
}

TEST_F(Launch, TheCommandBeginsAtTheFirstWordThatIsNoOption) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"bash", "config.sh", "-np", "3", "--dry-run", "[a,b]", "--"},
        {"--", "bash", "config.sh", "-np", "3", "--dry-run", "[a,b]", "--"}})
    for (const std::vector<std::string>& options : {std::vector<std::string>{"-np", "2", "--dry-run"},
                                                    {"--dry-run", "--num-proc=2"},
                                                    {"-n2", "--dry-run"}}) {
      const ChildResult result = launch(options + words);
      expect_done(result);
      EXPECT_THAT(result.out, HasSubstr(" -np 2 -H localhost:2 "));
      EXPECT_THAT(result.out, HasSubstr(" bash config.sh -np 3 --dry-run '[a,b]' --\n"));
    }
}

TEST_F(Launch, HostfilesOfBothStylesAreRead) {
  write_file_atomically(folder_ / "hosts", "a slots=2\nb:3  # new\n");
  for (const char* option : {"--hostfile", "-hostfile"})
    EXPECT_THAT(launch({option, "hosts", "-np", "5", "--dry-run", "true"}).out, HasSubstr(" -H a:2,b:3 "));
}

TEST_F(Launch, WhatCannotBeIsRefusedAndNothingStarted) {
  expect_failure(
      launch({"-np", "16", "-H", "ip1:8,ip2:4", "touch", "ran"}), kWrongUsage,
      {"-np 16 asks for 16 ranks, but ip1:8,ip2:4 has 12 slots: write -np 12 or less", "-H ip1:12,ip2:4"});
  expect_failure(launch({"-np", "2", "-H", "-oProxyCommand=touch:2", "true"}), kWrongUsage,
                 {"is no host name"});
  expect_failure(launch({"-np", "2", "-H", "$(touch ran):2", "true"}), kWrongUsage,
                 {"'$(touch ran)' is no host name"});
  expect_failure(launch({"-np", "2", "-H", "a:2", "--hostfile", "f", "true"}), kWrongUsage,
                 {"exclude each other"});
  expect_failure(launch({"-np", "2", "--hostfile", "none", "true"}), kFailed, {"none: cannot open"});
  expect_failure(launch({"-np", "2"}), kWrongUsage, {"no command to launch"});
  expect_failure(launch({"-np", "2", "--"}), kWrongUsage, {"no command to launch"});
  expect_failure(launch({"-np", "2", "launch", "-np", "2", "true"}), kWrongUsage,
                 {"launch cannot start launch"});
  expect_failure(launch({"-np", "2", "-x", "NOT_SET_HERE", "true"}), kWrongUsage,
                 {"NOT_SET_HERE is not set here", "-x NOT_SET_HERE=VALUE"});
  expect_failure(launch({"-np", "2", "-x", "A-B=1", "true"}), kWrongUsage,
                 {"'A-B' is no name of a variable"});
  expect_failure(launch({"-np", "2", "--max-restarts", "1", "true"}), kWrongUsage,
                 {"only train can go on", "'true'"});
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"true"},
                                                {"-np", "0", "true"},
                                                {"-np", "2", "-p", "70000", "true"},
                                                {"-np"}}) {
    const ChildResult result = launch(wrong);
    EXPECT_EQ(result.exit_code, kWrongUsage);
    EXPECT_EQ(result.out, "");
  }
  EXPECT_FALSE(fs::exists(folder_ / "ran"));
}

TEST_F(Launch, RanksAreLabelledAndArgumentsSurvive) {
  const ChildResult result =
      launch({"-np", "2", "-H", "localhost:2", "-x", "V=a 'b';\"c\" $HOME", "sh", "-c",
              "printf '%s|%s|%s|%s|%s|\\n' \"$V\" \"$@\"; echo told >&2", "sh", "a b", "it's", "", "$x;*"});
  expect_done(result);
  for (const int rank : {0, 1}) {
    EXPECT_TRUE(is_labelled(result.out, rank, "stdout", "a 'b';\"c\" $HOME|a b|it's||$x;*|")) << result.out;
    EXPECT_TRUE(is_labelled(result.err, rank, "stderr", "told")) << result.err;
  }
}

TEST_F(Launch, TheLineOfADryRunRunsInAShell) {
  const std::vector<std::string> words = {"-np",   "2",        "--output-filename",         "the logs",
                                          "sh",    "-c",       "printf '%s|%s|\\n' \"$@\"", "sh",
                                          "a 'b'", "\"$HOME\""};
  const ChildResult dry = launch(std::vector<std::string>{"--dry-run"} + words);
  expect_done(dry);
  const ChildResult pasted = ChildProcess({"sh", "-c", dry.out}, {.folder = folder_.path()}).wait();
  expect_done(pasted);
  EXPECT_TRUE(is_labelled(pasted.out, 1, "stdout", "a 'b'|\"$HOME\"|")) << pasted.out;
  EXPECT_EQ(read_text_file(folder_ / "the logs/rank.1/stdout"), "a 'b'|\"$HOME\"|\n");
}

TEST_F(Launch, TheExitCodeIsThatOfTheRankThatFails) {
  EXPECT_EQ(launch({"-np", "2", "sh", "-c", "[ $OMPI_COMM_WORLD_RANK = 0 ] || exit 7; sleep 30"}).exit_code,
            7);
  const ChildResult train = launch({"-np", "3", "train", "r.toml", "-o", "run", "--data.source=synthetic",
                                    "--data.path=", "--data.classes=2"});
  EXPECT_EQ(train.exit_code, kWrongUsage);
  EXPECT_THAT(train.err, HasSubstr("3 ranks for 2 classes"));
}

TEST_F(Launch, AHostfileOfThisHostAndAScriptThatTrains) {
  char own[256] = {};
  ASSERT_EQ(::gethostname(own, sizeof own - 1), 0);
  write_file_atomically(folder_ / "hosts", fmt::format("{} slots=2\n", own));
  write_file_atomically(folder_ / "config.sh",
                        shell_line(command({"train", "r.toml", "-o", "run", "--threads=1",
                                            "--data.source=synthetic", "--data.classes=100"})));
  const ChildResult result = launch({"-np", "2", "--hostfile", "hosts", "--verbose", "bash", "config.sh"});
  expect_done(result);
  EXPECT_THAT(result.err, AllOf(StartsWith("launch: mpirun "), HasSubstr("on 2 ranks x 1 thread, 6 steps")));
  EXPECT_EQ(newest_checkpoint(), "step-00000006\n");
}

}  // namespace
}  // namespace partialfc
