#include "cli/two_hosts.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <sstream>
#include <thread>

#include "partialfc/base/error.h"
#include "partialfc/base/file.h"
#include "partialfc/launch/shell_quote.h"

namespace partialfc {

namespace fs = std::filesystem;

namespace {

const char* address_of(int host) { return host == 1 ? TwoHosts::kFirst : TwoHosts::kSecond; }

ChildResult run(const std::vector<std::string>& command) { return ChildProcess(command, {}).wait(); }

void must_run(const std::vector<std::string>& command) {
  const ChildResult result = run(command);
  if (result.exit_code != 0) fail("{}: exit code {}: {}", shell_line(command), result.exit_code, result.err);
}

std::vector<pid_t> processes_in(const std::string& name) {
  std::istringstream text(run({"ip", "netns", "pids", name}).out);
  return {std::istream_iterator<pid_t>(text), {}};
}

void write_program(const fs::path& path, const std::string& text) {
  write_file_atomically(path, text);
  fs::permissions(path, fs::perms::owner_all);
}

}  // namespace

std::string TwoHosts::missing() {
  if (::geteuid() != 0) return "network namespaces need root";
  for (const char* program : {"ip", "ssh", "ssh-keygen", "/usr/sbin/sshd", "unshare"})
    if (run({"sh", "-c", fmt::format("command -v {}", program)}).exit_code != 0)
      return fmt::format("{} is not here: install iproute2, openssh-client, openssh-server", program);
  const std::string name = fmt::format("pfc-try-{}", ::getpid());
  const ChildResult made = run({"ip", "netns", "add", name});
  if (made.exit_code != 0) return "this machine allows no network namespaces: " + made.err;
  run({"ip", "netns", "del", name});
  return "";
}

TwoHosts::TwoHosts(fs::path folder, std::vector<std::pair<fs::path, fs::path>> second_sees)
    : folder_(std::move(folder)), second_sees_(std::move(second_sees)) {
  create_folders(folder_ / "bin");
  create_folders("/run/sshd");  // sshd wants it; its service makes it where one runs
  try {
    make_network();
    make_keys();
    for (const int host : {1, 2}) start_sshd(host);
  } catch (...) {
    remove();
    throw;
  }
}

TwoHosts::~TwoHosts() { remove(); }

void TwoHosts::remove() const {
  for (const int host : {1, 2}) {
    for (const pid_t id : processes_in(name_of(host))) ::kill(id, SIGKILL);
    run({"ip", "netns", "del", name_of(host)});
  }
}

std::string TwoHosts::name_of(int host) const {
  return fmt::format("pfc-{}-{}", std::hash<std::string>()(folder_.string()) % 100000000, host);
}

void TwoHosts::make_network() const {
  for (const int host : {1, 2}) must_run({"ip", "netns", "add", name_of(host)});
  must_run({"ip", "link", "add", "name", "link0", "netns", name_of(1), "type", "veth", "peer", "name",
            "link0", "netns", name_of(2)});
  for (const int host : {1, 2}) {
    must_run(
        {"ip", "-n", name_of(host), "addr", "add", fmt::format("{}/24", address_of(host)), "dev", "link0"});
    for (const char* link : {"lo", "link0"}) must_run({"ip", "-n", name_of(host), "link", "set", link, "up"});
  }
  // Packets to a card that no one has.
  must_run({"ip", "-n", name_of(1), "neigh", "add", kSilent, "lladdr", "02:00:00:00:00:09", "dev", "link0",
            "nud", "permanent"});
}

void TwoHosts::make_keys() const {
  for (const char* name : {"user", "host1", "host2", "other"})
    must_run({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder_ / name});
  fs::copy_file(folder_ / "user.pub", folder_ / "authorized_keys");
  write_known_hosts("host2");
  write_file_atomically(folder_ / "sshd_config",
                        fmt::format("AuthorizedKeysFile {}\n"
                                    "StrictModes no\nUsePAM no\nPidFile none\n"
                                    "PermitRootLogin yes\nPasswordAuthentication yes\n",
                                    (folder_ / "authorized_keys").string()));
  write_file_atomically(folder_ / "ssh_config",
                        fmt::format("IdentityFile {}\nIdentitiesOnly yes\nUserKnownHostsFile {}\n"
                                    "GlobalKnownHostsFile /dev/null\nStrictHostKeyChecking ask\n",
                                    (folder_ / "user").string(), (folder_ / "known_hosts").string()));
  write_program(folder_ / "bin/ssh", fmt::format("#!/bin/sh\nexec /usr/bin/ssh -F {} \"$@\"\n",
                                                 shell_quoted((folder_ / "ssh_config").string())));
}

void TwoHosts::write_known_hosts(const std::string& key_of_second) const {
  write_file_atomically(folder_ / "known_hosts",
                        fmt::format("{} {}{} {}", kFirst, read_text_file(folder_ / "host1.pub"), kSecond,
                                    read_text_file(folder_ / (key_of_second + ".pub"))));
}

// Inside the namespace: a host name, and files that lie over others, of its own.
void TwoHosts::start_sshd(int host) {
  std::string script = fmt::format("hostname {}; ", name_of(host));
  if (host == 2)
    for (const auto& [what, over] : second_sees_)
      script += shell_line({"mount", "--bind", what.string(), over.string()}) + " && ";
  script += shell_line({"exec", "/usr/sbin/sshd", "-D", "-e", "-f", (folder_ / "sshd_config").string(), "-h",
                        (folder_ / fmt::format("host{}", host)).string()});
  sshds_.emplace_back(
      std::vector<std::string>{"ip", "netns", "exec", name_of(host), "unshare", "--uts", "sh", "-c", script},
      ChildProcess::Options{});
  for (int tries = 0; tries < 600; ++tries) {
    if (run(on_first({"bash", "-c", fmt::format("exec 3<>/dev/tcp/{}/22", address_of(host))})).exit_code == 0)
      return;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  fail("sshd of host {} does not listen: {}", host, sshds_.back().wait(std::chrono::seconds(0)).err);
}

std::vector<std::string> TwoHosts::on_first(const std::vector<std::string>& command) const {
  std::vector<std::string> all = {
      "ip",       "netns",   "exec",
      name_of(1), "unshare", "--uts",
      "sh",       "-c",      fmt::format("hostname {}; exec \"$@\"", name_of(1)),
      "sh",       "env",     fmt::format("PATH={}:{}", (folder_ / "bin").string(), std::getenv("PATH"))};
  all.insert(all.end(), command.begin(), command.end());
  return all;
}

void TwoHosts::refuse_keys() {
  fs::copy_file(folder_ / "other.pub", folder_ / "authorized_keys", fs::copy_options::overwrite_existing);
}

void TwoHosts::forget_host_keys() { write_file_atomically(folder_ / "known_hosts", ""); }

void TwoHosts::change_second_host_key() { write_known_hosts("other"); }

void TwoHosts::cut_link() { must_run({"ip", "-n", name_of(2), "link", "set", "link0", "down"}); }

size_t TwoHosts::processes_on_second() const {
  const auto is_sshd = [](pid_t id) {
    std::string name;
    std::getline(std::ifstream(fmt::format("/proc/{}/comm", id)), name);
    return name.starts_with("sshd");  // sshd-session too
  };
  const std::vector<pid_t> all = processes_in(name_of(2));
  return all.size() - static_cast<size_t>(std::ranges::count_if(all, is_sshd));
}

}  // namespace partialfc
