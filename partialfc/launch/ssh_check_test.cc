// What ssh returned, told in one line. That ssh returns these is for the tests on two hosts to show.
#include "partialfc/launch/ssh_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "partialfc/base/file.h"
#include "partialfc/base/test_support.h"

namespace partialfc {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const HostNeeds kNeeds{
    .folder = "/work dir", .program = "/opt/partialfc", .version = "partialfc 1.2.3", .path = "/bin"};

std::string failure(int exit_code, const std::string& out, const std::string& err, int port = 0) {
  return host_failure("a", port, kNeeds, {.exit_code = exit_code, .out = out, .err = err});
}

TEST(HostFailure, NoneWhereAllIsWell) {
  EXPECT_EQ(failure(0, "partialfc 1.2.3\n", ""), "");
  EXPECT_EQ(failure(0, "Welcome!\npartialfc 1.2.3\n", "a banner: Permission denied\n"), "");
  HostNeeds other = kNeeds;
  other.version.clear();
  EXPECT_EQ(host_failure("a", 0, other, {.exit_code = 0}), "");
}

TEST(HostFailure, EachHasItsMeaningTheWordsOfSshAndARemedyInOneLine) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"ssh: Could not resolve hostname a: Name or service not known\r\n", "a: unknown host name (ssh: "},
      {"@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\n@@@\nHost key verification failed.\r\n",
       "a: its host key has changed (ssh: Host key verification failed.): "},
      {"No ED25519 host key is known for a and you have requested strict checking.\nHost key verification "
       "failed.\n",
       "a: its host key is not known here"},
      {"u@a: Permission denied (publickey,password).\r\n",
       "a: asks for a password, or refuses this user's key"},
      {"ssh: connect to host a port 22: Connection refused\r\n", "a: connection refused"},
      {"ssh: connect to host a port 22: Connection timed out\r\n", "a: no answer (ssh: connect to host"},
      {"ssh: connect to host a port 22: No route to host\r\n", "a: no route to it"},
      {"ssh: connect to host a port 22: Network is unreachable\r\n", "a: no route to it"},
      {"kex_exchange_identification: Connection closed by remote host\r\n",
       "a: sshd there closed the connection"},
      {"ssh: something new\n", "a: ssh fails: something new: try it by hand"},
  };
  for (const auto& [err, begin] : cases)
    EXPECT_THAT(failure(255, "", err),
                AllOf(testing::StartsWith(begin), Not(HasSubstr("\n")), Not(HasSubstr("\r"))));
  EXPECT_THAT(failure(255, "", "ssh: connect to host a port 7: Connection refused\r\n", 7),
              testing::StartsWith("a port 7: connection refused"));
}

TEST(HostFailure, OfWhatIsOnTheHost) {
  EXPECT_THAT(failure(0, "partialfc 9.9\n", ""),
              HasSubstr("a: /opt/partialfc is 'partialfc 9.9' there, 'partialfc 1.2.3' here"));
  EXPECT_THAT(failure(101, "", "sh: cd: can't cd\n"), HasSubstr("a: /work dir is not there"));
  EXPECT_THAT(failure(102, "", ""), HasSubstr("a: neither prted nor orted of Open MPI is found there"));
  EXPECT_THAT(failure(103, "", ""), HasSubstr("a: /opt/partialfc is not found there"));
  EXPECT_THAT(failure(127, "", "x\nlibtorch.so: cannot open\n"),
              HasSubstr("/opt/partialfc --version ends with exit code 127 there: libtorch.so: cannot open"));
  EXPECT_THAT(failure(137, "", ""), HasSubstr("nothing runs there within 60 s"));
}

// In the place of ssh, a script that runs what it is given here, as sshd does by the user's shell.
class ChecksThroughAFakeSsh : public testing::Test {
 protected:
  ChecksThroughAFakeSsh() : path_before_(::getenv("PATH")) {
    write_script("ssh", "printf '%s\\n' \"$@\" > " + (folder_ / "asked").string() +
                            "\nwhile [ \"$1\" != -- ]; do shift; done; exec sh -c \"$3\"\n");
    write_script("prted", "");
    write_script("our program", "echo \"partialfc $VERSION $LD_LIBRARY_PATH $*\"");
    ::setenv("PATH", (folder_.path().string() + ":" + path_before_).c_str(), 1);
    ::setenv("VERSION", "7", 1);
  }
  ~ChecksThroughAFakeSsh() override { ::setenv("PATH", path_before_.c_str(), 1); }
  void write_script(const std::string& name, const std::string& text) {
    write_file_atomically(folder_ / name, "#!/bin/sh\n" + text);
    std::filesystem::permissions(folder_ / name, std::filesystem::perms::owner_all);
  }
  HostNeeds needs() {
    return {.folder = folder_.path().string(),
            .program = (folder_ / "our program").string(),
            .path = ::getenv("PATH")};
  }

  ScratchFolder folder_;
  std::string path_before_;
};

TEST_F(ChecksThroughAFakeSsh, AllIsWell) {
  EXPECT_EQ(check_hosts({"a", "b"}, 2222, needs()), std::vector<std::string>{});
  EXPECT_THAT(read_text_file(folder_ / "asked"),
              testing::StartsWith("-o\nBatchMode=yes\n-o\nConnectTimeout=10\n-p\n2222\n--\n"));
  HostNeeds version = needs();
  version.version = "partialfc 7 /lib of mine --version";
  version.library_path = "/lib of mine";
  EXPECT_EQ(check_hosts({"a"}, 0, version), std::vector<std::string>{});
}

// Open MPI 5 has prted, those before it orted.
TEST_F(ChecksThroughAFakeSsh, OneOfTheNamesOfOpenMpisPartIsEnough) {
  std::filesystem::create_symlink("/bin/sh", folder_ / "sh");
  ::setenv("PATH", folder_.path().c_str(), 1);  // what this machine has installed is not found
  for (const char* name : {"prted", "orted"}) {
    write_script(name, "");
    EXPECT_EQ(check_hosts({"a"}, 0, needs()), std::vector<std::string>{}) << name;
    std::filesystem::remove(folder_ / name);
    EXPECT_THAT(check_hosts({"a"}, 0, needs()), testing::ElementsAre(HasSubstr("neither prted nor orted")));
  }
}

TEST_F(ChecksThroughAFakeSsh, EachHostIsTold) {
  HostNeeds absent = needs();
  absent.program += " of old";
  EXPECT_THAT(check_hosts({"a", "b"}, 0, absent),
              testing::ElementsAre(HasSubstr("a: " + absent.program + " is not found"), HasSubstr("b: ")));
  HostNeeds folder = needs();
  folder.folder = "/none/it's \"there\"";
  EXPECT_THAT(check_hosts({"a"}, 0, folder),
              testing::ElementsAre(HasSubstr("a: /none/it's \"there\" is not there")));
  HostNeeds version = needs();
  version.version = "partialfc 8";
  EXPECT_THAT(check_hosts({"a"}, 0, version),
              testing::ElementsAre(HasSubstr("'partialfc 7  --version' there")));
}

}  // namespace
}  // namespace partialfc
