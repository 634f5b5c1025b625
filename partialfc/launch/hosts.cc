#include "partialfc/launch/hosts.h"

#include <arpa/inet.h>
#include <fmt/ranges.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <set>
#include <sstream>

#include "partialfc/base/error.h"
#include "partialfc/base/file.h"
#include "partialfc/base/host_name.h"

namespace partialfc {

namespace {

constexpr int64_t kMostSlots = 65536;
constexpr std::string_view kNameLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

std::string parse_name(std::string_view name, std::string_view where) {
  if (name.find('@') != std::string_view::npos)
    fail_usage("{}: '{}' names a user: write the host alone, and its User in ~/.ssh/config", where, name);
  if (name.empty() || name.starts_with('-') || name.find_first_not_of(kNameLetters) != std::string_view::npos)
    fail_usage(
        "{}: '{}' is no host name: letters, digits, '.', '-' and '_', and no '-' first; "
        "mpirun takes no IPv6 address",
        where, name);
  return std::string(name);
}

int64_t parse_slots(std::string_view digits, std::string_view where) {
  int64_t slots = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), slots);
  if (code != std::errc() || end != digits.data() + digits.size() || slots < 1 || slots > kMostSlots)
    fail_usage("{}: '{}' is no number of slots: 1 to {}", where, digits, kMostSlots);
  return slots;
}

// "a:8" or "a"
Host parse_host(std::string_view text, std::string_view where) {
  const size_t colon = text.rfind(':');
  Host host;
  host.name = parse_name(text.substr(0, colon), where);
  if (colon != std::string_view::npos) host.slots = parse_slots(text.substr(colon + 1), where);
  return host;
}

// "a:8", "a" or "a slots=8"
Host parse_line(const std::string& line, const std::string& where) {
  std::istringstream words(line);
  std::string first, second, third;
  words >> first >> second >> third;
  Host host = parse_host(first, where);
  if (second.empty()) return host;
  constexpr std::string_view kKey = "slots=";
  if (!second.starts_with(kKey) || !third.empty() || first.find(':') != std::string::npos)
    fail_usage("{}: '{}' is not understood: write '{} slots=8' or '{}:8'", where, line, host.name, host.name);
  host.slots = parse_slots(std::string_view(second).substr(kKey.size()), where);
  return host;
}

void add(std::vector<Host>& hosts, const Host& host) {
  const auto same = std::ranges::find(hosts, host.name, &Host::name);
  if (same == hosts.end())
    hosts.push_back(host);
  else
    same->slots += host.slots;
}

// The address as text, "" for one of another kind than IPv4 and IPv6.
std::string text_of(const sockaddr* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address == nullptr) return "";
  if (address->sa_family == AF_INET)
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, text.data(), text.size());
  if (address->sa_family == AF_INET6)
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, text.data(),
                text.size());
  return text.data();
}

std::set<std::string> own_addresses() {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) fail("cannot list this host's network interfaces: {}", errno_text(errno));
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(all, ::freeifaddrs);
  std::set<std::string> addresses;
  for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next)
    addresses.insert(text_of(one->ifa_addr));
  addresses.erase("");
  return addresses;
}

std::set<std::string> addresses_of(const std::string& name) {
  addrinfo* all = nullptr;
  std::set<std::string> addresses;
  if (::getaddrinfo(name.c_str(), nullptr, nullptr, &all) != 0) return addresses;  // ssh will say why
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(all, ::freeaddrinfo);
  for (const addrinfo* one = all; one != nullptr; one = one->ai_next) addresses.insert(text_of(one->ai_addr));
  return addresses;
}

}  // namespace

std::vector<Host> parse_hosts(std::string_view list) {
  std::vector<Host> hosts;
  const std::string where = fmt::format("-H {}", list);
  for (size_t begin = 0; begin <= list.size();) {
    const size_t comma = std::min(list.find(',', begin), list.size());
    add(hosts, parse_host(list.substr(begin, comma - begin), where));
    begin = comma + 1;
  }
  return hosts;
}

std::vector<Host> read_hostfile(const std::filesystem::path& path) {
  std::istringstream lines(read_text_file(path));
  std::vector<Host> hosts;
  int64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    line.resize(std::min(line.find('#'), line.size()));
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    add(hosts, parse_line(line, fmt::format("{}, line {}", path.string(), number)));
  }
  if (hosts.empty()) fail_usage("{}: names no host: write one a line, e.g. 'a slots=8'", path.string());
  return hosts;
}

std::vector<Host> given_hosts(const std::string& list, const std::string& hostfile) {
  if (!list.empty() && !hostfile.empty())
    fail_usage("-H {} and --hostfile {} exclude each other", list, hostfile);
  if (!list.empty()) return parse_hosts(list);
  return hostfile.empty() ? std::vector<Host>{} : read_hostfile(hostfile);
}

int64_t slots_of(const std::vector<Host>& hosts) {
  int64_t slots = 0;
  for (const Host& host : hosts) slots += host.slots;
  return slots;
}

std::string host_list(const std::vector<Host>& hosts) {
  std::vector<std::string> words;
  for (const Host& host : hosts) words.push_back(fmt::format("{}:{}", host.name, host.slots));
  return fmt::format("{}", fmt::join(words, ","));
}

std::vector<std::string> other_hosts(const std::vector<Host>& hosts) {
  std::vector<std::string> others;
  for (const Host& host : hosts)
    if (!is_this_host(host.name)) others.push_back(host.name);
  return others;
}

std::vector<Host> named_as_here(const std::vector<Host>& hosts) {
  std::vector<Host> named;
  for (Host host : hosts) {
    if (host.name != "localhost" && is_this_host(host.name)) host.name = host_name();
    add(named, host);
  }
  return named;
}

bool is_this_host(const std::string& name) {
  const std::string own = host_name();
  if (name == "localhost" || name == own || name == own.substr(0, own.find('.')) || name.starts_with("127."))
    return true;
  const std::set<std::string> own_set = own_addresses();
  return std::ranges::any_of(addresses_of(name), [&](const std::string& a) { return own_set.contains(a); });
}

}  // namespace partialfc
