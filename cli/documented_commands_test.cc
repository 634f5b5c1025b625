// The command lines of docs/coming-from-horovod.md and of examples/kubernetes do what they say there: each runs on two hosts,
// with one slot in the place of eight, and trains.
#include <regex>
#include <sstream>

#include "cli/program_fixture.h"
#include "cli/two_hosts.h"

namespace partialfc {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = PARTIALFC_SOURCE;

// The lines in ```shell blocks that begin with "partialfc launch" or "bash".
std::vector<std::string> command_lines() {
  std::istringstream document(read_text_file(kSource / "docs/coming-from-horovod.md"));
  std::vector<std::string> lines;
  bool inside = false;
  for (std::string line; std::getline(document, line);) {
    if (line.starts_with("```")) inside = line == "```shell";
    if (inside && (line.starts_with("partialfc launch ") || line.starts_with("bash "))) lines.push_back(line);
  }
  const std::string job = read_text_file(kSource / "examples/kubernetes/mpijob.yaml");
  std::smatch line;
  if (std::regex_search(job, line, std::regex("args:\n +- (partialfc launch .*)"))) lines.push_back(line[1]);
  return lines;
}

std::string with_test_hosts(std::string text) {
  for (const auto& [pattern, by] :
       std::vector<std::pair<std::string, std::string>>{{"\\bip1\\b", TwoHosts::kFirst},
                                                        {"\\bip2\\b", TwoHosts::kSecond},
                                                        {"-np 16\\b", "-np 2"},
                                                        {"-np 8\\b", "-np 1"},
                                                        {":8\\b", ":1"},
                                                        {"slots=8\\b", "slots=1"},
                                                        {"\\beth0\\b", "link0"},
                                                        {"/etc/mpi/hostfile", "examples/hosts/host_16"}})
    text = std::regex_replace(text, std::regex(pattern), by);
  return text;
}

class DocumentedCommands : public ProgramTest {
 protected:
  void SetUp() override {
    if (const std::string missing = TwoHosts::missing(); !missing.empty()) GTEST_SKIP() << missing;
    create_folders(folder_ / "examples/hosts");
    fs::copy_file(kSource / "examples/run.sh", folder_ / "examples/run.sh");
    for (const char* name : {"host_8", "host_16"})
      write_file_atomically(folder_ / "examples/hosts" / name,
                            with_test_hosts(read_text_file(kSource / "examples/hosts" / name)));
    std::string recipe = read_text_file(folder_ / "r.toml");
    recipe.replace(recipe.find("path = \"set/train.rec\""), 22, "source = \"synthetic\"\nclasses = 100");
    write_file_atomically(folder_ / "my.toml", recipe);
    write_file_atomically(folder_ / "config.sh", "partialfc train my.toml\n");
  }
};

TEST_F(DocumentedCommands, Train) {
  TwoHosts hosts(folder_ / "two");
  const std::vector<std::string> lines = command_lines();
  ASSERT_GE(lines.size(), 11u);
  EXPECT_THAT(lines, testing::Contains(testing::HasSubstr("/etc/mpi/hostfile")));
  for (const std::string& documented : lines) {
    const std::string line = with_test_hosts(documented);
    SCOPED_TRACE(line);
    fs::remove_all(folder_ / "runs");
    const std::string script = "PATH=" + fs::path(PARTIALFC_PROGRAM).parent_path().string() +
                               ":$PATH PARTIALFC=" PARTIALFC_PROGRAM "; export PATH PARTIALFC; " + line;
    const ChildResult result =
        ChildProcess(hosts.on_first({"bash", "-c", script}), {.folder = folder_.path()})
            .wait(std::chrono::seconds(120));
    expect_done(result);
    if (line.find("--dry-run") != std::string::npos) {
      EXPECT_THAT(result.out, testing::StartsWith("mpirun "));
      continue;
    }
    const bool on_two =
        line.find(TwoHosts::kSecond) != std::string::npos || line.find("host_16") != std::string::npos;
    EXPECT_THAT(result.err, testing::HasSubstr(on_two ? " on 2 ranks x " : " on 1 rank x "));
    EXPECT_EQ(read_text_file(folder_ / "runs/my/latest"), "step-00000006\n");
  }
}

}  // namespace
}  // namespace partialfc
