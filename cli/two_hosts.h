// For tests: two hosts on this machine, each a network namespace with an address, a host name and an sshd of its own.
//
//   10.77.0.1 ──── link0 ──── 10.77.0.2       both see this machine's files; the first host's ssh reaches both
//
// Keys, known hosts and configurations of ssh and sshd are in the folder given; the user's own are not touched. On the
// first host ssh times out at kSilent (packets get lost), finds kAbsent not there, and knows no way to kUnreachable.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "partialfc/launch/child_process.h"

namespace partialfc {

class TwoHosts {
 public:
  static constexpr const char *kFirst = "10.77.0.1", *kSecond = "10.77.0.2", *kSilent = "10.77.0.9",
                              *kAbsent = "10.77.0.7", *kUnreachable = "10.99.0.1";

  // What this machine lacks for them: root, a program. Empty: nothing.
  static std::string missing();

  // `second_sees`: files or folders (first) that lie over others (second) on the second host.
  explicit TwoHosts(std::filesystem::path folder,
                    std::vector<std::pair<std::filesystem::path, std::filesystem::path>> second_sees = {});
  ~TwoHosts();
  TwoHosts(const TwoHosts&) = delete;
  TwoHosts& operator=(const TwoHosts&) = delete;

  // The command as it runs on the first host.
  std::vector<std::string> on_first(const std::vector<std::string>& command) const;

  void refuse_keys();                  // the user's key is no longer welcome
  void forget_host_keys();             // known_hosts is empty
  void change_second_host_key();       // known_hosts holds another for the second host
  void cut_link();                     // no packet passes from now on
  size_t processes_on_second() const;  // without sshd's

 private:
  std::string name_of(int host) const;
  void make_network() const;
  void remove() const;
  void make_keys() const;
  void write_known_hosts(const std::string& key_of_second) const;
  void start_sshd(int host);

  std::filesystem::path folder_;
  std::vector<std::pair<std::filesystem::path, std::filesystem::path>> second_sees_;
  std::vector<ChildProcess> sshds_;
};

}  // namespace partialfc
