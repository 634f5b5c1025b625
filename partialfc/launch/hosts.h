// The hosts that ranks are started on, as users of mpirun and horovodrun write them:
//
//   -H a:8,b:8,c       a comma between hosts, a colon before the slots; slots default to 1
//   --hostfile F       a host a line, `a slots=8` (Open MPI) or `a:8` (horovodrun); # begins a comment
//
// A slot is room for one rank. A host that is named twice has the slots of both, as for mpirun. A name is a host name
// or an IPv4 address; letters, digits, '.', '-' and '_', and no '-' first, so that neither ssh nor a shell can take it for
// anything else. What breaks these rules is a UsageError that quotes it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace partialfc {

struct Host {
  std::string name;
  int64_t slots = 1;
  bool operator==(const Host&) const = default;
};

std::vector<Host> parse_hosts(std::string_view list);
std::vector<Host> read_hostfile(const std::filesystem::path& path);

// Those of one of the two, `list` as of -H; none where both are empty. Throws UsageError where both are given.
std::vector<Host> given_hosts(const std::string& list, const std::string& hostfile);

int64_t slots_of(const std::vector<Host>& hosts);

// "a:8,b:8"
std::string host_list(const std::vector<Host>& hosts);

// Names of those that are not this machine.
std::vector<std::string> other_hosts(const std::vector<Host>& hosts);

// As mpirun is to be told: this machine by its own name, whatever address or name it was given by, for Open MPI 5 knows it
// by no other (localhost stays).
std::vector<Host> named_as_here(const std::vector<Host>& hosts);

// Whether the name or address is this machine's: localhost, its host name, an address of one of its interfaces, or a name
// that resolves to one; the last may ask a name server.
bool is_this_host(const std::string& name);

}  // namespace partialfc
