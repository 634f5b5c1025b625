#include "partialfc/launch/ssh_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>

#include "partialfc/launch/mpirun_command.h"
#include "partialfc/launch/shell_quote.h"

namespace partialfc {

namespace {

constexpr int kNoFolder = 101, kNoOpenMpi = 102, kNoProgram = 103;
constexpr int kSshFailed = 255, kKilled = 137;
// For a login that hangs, on a file server for instance.
constexpr std::chrono::seconds kLongestCheck(60);

// $1 folder, $2 PATH of the ranks, $3 LD_LIBRARY_PATH of the ranks, $4 program, $5 --version or nothing. mpirun's own
// part there (prted, before Open MPI 5 orted) is found by the PATH that ssh gives; where mpirun was built to look beside
// itself, by ours.
constexpr const char* kLookAround =
    "cd \"$1\" || exit 101; PATH=\"$PATH:$2\"; "
    "command -v prted >/dev/null || command -v orted >/dev/null || exit 102; PATH=\"$2\"; "
    "command -v \"$4\" >/dev/null || exit 103; [ -z \"$5\" ] && exit 0; "
    "[ -z \"$3\" ] || export LD_LIBRARY_PATH=\"$3\"; \"$4\" \"$5\"";

std::string last_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  text.erase(0, text.rfind('\n') + 1);
  return text.substr(text.starts_with("ssh: ") ? 5 : 0);
}

// What ssh says on standard error: its meaning and the remedy. The first that is found counts.
struct SshMessage {
  std::string_view part, meaning, remedy;
};
constexpr std::array<SshMessage, 10> kSshMessages = {{
    {"Could not resolve hostname", "unknown host name",
     "correct it, or add it to the name server or /etc/hosts"},
    {"REMOTE HOST IDENTIFICATION HAS CHANGED", "its host key has changed",
     "if the host was set up anew, forget the old key with `ssh-keygen -R`, then log in once by hand"},
    {"Host key verification failed", "its host key is not known here",
     "log in once by hand and confirm the key, or add it to known_hosts"},
    {"Permission denied", "asks for a password, or refuses this user's key",
     "let this user log in by key: `ssh-copy-id`"},
    {"Connection refused", "connection refused: no sshd listens on that port",
     "start sshd there, or give its port with -p"},
    {"timed out", "no answer", "is it running, and does a firewall let ssh through?"},
    {"No route to host", "no route to it", "correct the address, or switch the host on"},
    {"Network is unreachable", "no route to it", "correct the address, or this host's network"},
    {"Connection closed", "sshd there closed the connection", "its log says why"},
    {"Connection reset", "sshd there closed the connection", "its log says why"},
}};

std::string ssh_failure(const std::string& host, const std::string& port_text, const std::string& err) {
  for (const SshMessage& message : kSshMessages)
    if (err.find(message.part) != std::string::npos)
      return fmt::format("{}{}: {} (ssh: {}): {}", host, port_text, message.meaning, last_line(err),
                         message.remedy);
  return fmt::format("{}{}: ssh fails: {}: try it by hand", host, port_text, last_line(err));
}

}  // namespace

std::string host_failure(const std::string& host, int port, const HostNeeds& needs,
                         const ChildResult& result) {
  const std::string port_text = port > 0 ? fmt::format(" port {}", port) : "";
  switch (result.exit_code) {
    case 0:
      if (needs.version.empty() || last_line(result.out) == needs.version) return "";
      return fmt::format("{}: {} is '{}' there, '{}' here: install one version on all hosts", host,
                         needs.program, last_line(result.out), needs.version);
    case kSshFailed:
      return ssh_failure(host, port_text, result.err);
    case kKilled:
      return fmt::format(
          "{}{}: takes the connection, but nothing runs there within {} s: log in by hand and look", host,
          port_text, kLongestCheck.count());
    case kNoFolder:
      return fmt::format("{}: {} is not there, the folder in which the ranks would run: mount or create it",
                         host, needs.folder);
    case kNoOpenMpi:
      return fmt::format(
          "{}: neither prted nor orted of Open MPI is found there: "
          "install it (Debian: openmpi-bin), or add it to PATH in ~/.bashrc",
          host);
    case kNoProgram:
      return fmt::format("{}: {} is not found there: install it at the same place on all hosts", host,
                         needs.program);
    default:
      return fmt::format("{}: {} --version ends with exit code {} there: {}", host, needs.program,
                         result.exit_code, last_line(result.err));
  }
}

std::vector<std::string> check_hosts(const std::vector<std::string>& hosts, int port,
                                     const HostNeeds& needs) {
  // ssh joins what follows the host with blanks and gives it to the user's shell there: so one word, quoted by us.
  const std::string remote =
      shell_line({"sh", "-c", kLookAround, "sh", needs.folder, needs.path, needs.library_path, needs.program,
                  needs.version.empty() ? "" : "--version"});
  std::vector<ChildProcess> probes;
  for (const std::string& host : hosts) {
    std::vector<std::string> command = {"ssh"};
    for (const std::string& option : ssh_options(port)) command.push_back(option);
    command.insert(command.end(), {"--", host, remote});
    probes.emplace_back(command, ChildProcess::Options{});
  }
  const auto deadline = std::chrono::steady_clock::now() + kLongestCheck;
  std::vector<std::string> failures;
  for (size_t i = 0; i < hosts.size(); ++i) {
    const auto left = std::max(deadline - std::chrono::steady_clock::now(), std::chrono::nanoseconds(0));
    const ChildResult result = probes[i].wait(std::chrono::ceil<std::chrono::seconds>(left));
    if (std::string failure = host_failure(hosts[i], port, needs, result); !failure.empty())
      failures.push_back(std::move(failure));
  }
  return failures;
}

}  // namespace partialfc
