#include "partialfc/launch/mpirun_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "partialfc/base/test_support.h"
#include "partialfc/launch/shell_quote.h"

namespace partialfc {
namespace {

using testing::HasSubstr;

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
                                 .output_filename = "logs of mine",
                                 .as_root = true,
                                 .command = {"x", "y z", "-np", "3"}})),
      "mpirun --allow-run-as-root --tag-output -np 12 -H a:8,b:4 --map-by slot --bind-to none --mca btl "
      "'^openib' "
      "--mca plm_rsh_args '-o BatchMode=yes -o ConnectTimeout=10 -p 2222' --mca plm_rsh_no_tree_spawn 1 "
      "--mca oob_tcp_keepalive_time 10 --mca oob_tcp_keepalive_intvl 5 --mca oob_tcp_keepalive_probes 2 "
      "--mca btl_tcp_if_include eth0,10.1.0.0/16 --mca oob_tcp_if_include eth0,10.1.0.0/16 "
      "--output-filename 'logs of mine' -x PATH -x 'NAME=a b'\\''c' x 'y z' -np 3");
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
