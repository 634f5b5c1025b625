#include "partialfc/launch/mpirun_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "partialfc/base/file.h"
#include "partialfc/base/test_support.h"
#include "partialfc/launch/child_process.h"
#include "partialfc/launch/shell_quote.h"

namespace partialfc {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(MpirunCommand, WithDefaults) {
  EXPECT_EQ(
      shell_line(
          mpirun_command({.num_proc = 2, .hosts = {{"localhost", 8}}, .command = {"bash", "config.sh"}})),
      "mpirun --tag-output -np 2 -H localhost:8 --map-by slot --bind-to none --mca btl '^openib' "
      "--mca plm_rsh_args '-o BatchMode=yes -o ConnectTimeout=10' --mca plm_rsh_no_tree_spawn 1 "
      "--mca oob_tcp_keepalive_time 10 --mca oob_tcp_keepalive_intvl 5 --mca oob_tcp_keepalive_probes 2 "
      "bash config.sh");
}

TEST(MpirunCommand, WithEveryOption) {
  EXPECT_EQ(
      shell_line(mpirun_command({.num_proc = 12,
                                 .hosts = {{"a", 8}, {"b", 4}},
                                 .ssh_port = 2222,
                                 .network_interface = "eth0,10.1.0.0/16",
                                 .environment = {"PATH", "NAME=a b'c"},
                                 .as_root = true,
                                 .command = {"x", "y z", "-np", "3"}})),
      "mpirun --allow-run-as-root --tag-output -np 12 -H a:8,b:4 --map-by slot --bind-to none --mca btl "
      "'^openib' "
      "--mca plm_rsh_args '-o BatchMode=yes -o ConnectTimeout=10 -p 2222' --mca plm_rsh_no_tree_spawn 1 "
      "--mca oob_tcp_keepalive_time 10 --mca oob_tcp_keepalive_intvl 5 --mca oob_tcp_keepalive_probes 2 "
      "--mca btl_tcp_if_include eth0,10.1.0.0/16 --mca oob_tcp_if_include eth0,10.1.0.0/16 "
      "-x PATH -x 'NAME=a b'\\''c' x 'y z' -np 3");
}

TEST(MpirunCommand, TheInterfacesAreNcclsToo) {
  const auto line_of = [](const std::string& interface, std::vector<std::string> environment) {
    return fmt::format("{}", fmt::join(mpirun_command({.num_proc = 1,
                                                       .hosts = {{"a", 1}},
                                                       .network_interface = interface,
                                                       .environment = std::move(environment),
                                                       .command = {"x"}}),
                                       " "));
  };
  EXPECT_THAT(line_of("eth0,ib0", {}), HasSubstr(" -x NCCL_SOCKET_IFNAME==eth0,ib0 x"));
  EXPECT_THAT(line_of("10.1.0.0/16", {}), Not(HasSubstr("NCCL")));
  EXPECT_THAT(line_of("", {}), Not(HasSubstr("NCCL")));
  EXPECT_THAT(line_of("eth0", {"NCCL_SOCKET_IFNAME=ib0"}),
              AllOf(HasSubstr("-x NCCL_SOCKET_IFNAME=ib0"), Not(HasSubstr("==eth0"))));
}

// Rank 3 as mpirun would start it, in a group of processes of its own, with all its output in `out`; when all who write
// to that have ended.
ChildResult run_rank(const std::string& output_filename, const std::vector<std::string>& command) {
  const std::vector<std::string> line = mpirun_command({.hosts = {{"a", 1}},
                                                        .environment = {"OMPI_COMM_WORLD_RANK=3"},
                                                        .output_filename = output_filename,
                                                        .command = command});
  std::vector<std::string> rank = {"bash", "-o",     "pipefail", "-c", "\"$@\" 2>&1 | cat",
                                   "bash", "setsid", "--wait",   "env"};
  rank.insert(rank.end(), std::ranges::find(line, "-x") + 1, line.end());
  return ChildProcess(rank, {}).wait();
}

TEST(MpirunCommand, OutputIsKeptBesideWhatMpirunGets) {
  const ScratchFolder folder;
  const std::string logs = (folder / "logs of mine").string();
  const ChildResult result =
      run_rank(logs, {"sh", "-c", "echo \"$1\"; echo \"$2\" >&2; exit 7", "sh", "it's \"x\"", "$(y)"});
  EXPECT_EQ(result.exit_code, 7);
  EXPECT_THAT(result.out, AllOf(HasSubstr("it's \"x\"\n"), HasSubstr("$(y)\n")));
  EXPECT_EQ(read_text_file(logs + "/rank.3/stdout"), "it's \"x\"\n");
  EXPECT_EQ(read_text_file(logs + "/rank.3/stderr"), "$(y)\n");
}

TEST(MpirunCommand, WhatARankSaysAfterASignalToAllOfItsGroupIsKept) {
  const ScratchFolder folder;
  const std::string logs = (folder / "logs").string();
  const ChildResult result =
      run_rank(logs, {"sh", "-c", "trap 'echo saved; exit 75' USR1; echo begun; kill -USR1 0; exit 1"});
  EXPECT_EQ(result.exit_code, 75);
  EXPECT_EQ(result.out, "begun\nsaved\n");
  EXPECT_EQ(read_text_file(logs + "/rank.3/stdout"), result.out);
}

TEST(MpirunCommand, SlotsHaveToSuffice) {
  const auto message = [](int64_t ranks, const std::vector<Host>& hosts) {
    return message_of([&] { mpirun_command({.num_proc = ranks, .hosts = hosts, .command = {"x"}}); });
  };
  EXPECT_EQ(message(12, {{"a", 8}, {"b", 4}}), "no error");
  EXPECT_EQ(message(16, {{"a", 8}, {"b", 4}}),
            "-np 16 asks for 16 ranks, but a:8,b:4 has 12 slots: write -np 12 or less, or give the hosts "
            "more, e.g. -H a:12,b:4");
  EXPECT_THAT(message(2, {{"a", 1}}), HasSubstr("a:1 has 1 slot: write -np 1 or less"));
}

TEST(MpirunCommand, AnInterfaceIsNoOptionAndNoShellCode) {
  for (const char* name : {"-x", "eth0;x", "$(x)", "a b"})
    EXPECT_THAT(message_of([&] {
                  mpirun_command({.hosts = {{"a", 1}}, .network_interface = name, .command = {"x"}});
                }),
                HasSubstr("is no interface"))
        << name;
}

TEST(MpirunCommand, VariablesThatRanksAreGiven) {
  EXPECT_EQ(exported_variables({"PATH", "HOME", "OMP_NUM_THREADS", "OMPI_X", "NCCL_DEBUG", "LD_LIBRARY_PATH",
                                "PATHS", "HOSTNAME", "CUDA_VISIBLE_DEVICES", "SSH_AUTH_SOCK"}),
            (std::vector<std::string>{"CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH", "NCCL_DEBUG",
                                      "OMP_NUM_THREADS", "PATH"}));
}

}  // namespace
}  // namespace partialfc
