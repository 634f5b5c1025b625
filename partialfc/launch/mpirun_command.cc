#include "partialfc/launch/mpirun_command.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "partialfc/base/error.h"

namespace partialfc {

namespace {

void check_slots(const MpirunOptions& options) {
  const int64_t slots = slots_of(options.hosts);
  std::vector<Host> enough = options.hosts;
  enough[0].slots += options.num_proc - slots;
  if (options.num_proc > slots)
    fail_usage(
        "-np {} asks for {} ranks, but {} has {} slot{}: write -np {} or less, or give the hosts more, e.g. "
        "-H {}",
        options.num_proc, options.num_proc, host_list(options.hosts), slots, slots == 1 ? "" : "s", slots,
        host_list(enough));
}

// mpirun hands it on to the other hosts on a command line.
void check_interface(const std::string& name) {
  constexpr std::string_view kLetters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-,/:@";
  if (name.starts_with('-') || name.find_first_not_of(kLetters) != std::string::npos)
    fail_usage("--network-interface '{}' is no interface: write names or networks, e.g. eth0,10.1.0.0/16",
               name);
}

// The same interfaces for NCCL, whose '=' takes these names alone and not all that begin like them; it knows no networks by
// their addresses. Empty: NCCL chooses, or the caller has.
std::string interfaces_for_nccl(const MpirunOptions& options) {
  constexpr std::string_view kVariable = "NCCL_SOCKET_IFNAME";
  const bool is_set = std::ranges::any_of(options.environment, [&](const std::string& variable) {
    return std::string_view(variable).substr(0, variable.find('=')) == kVariable;
  });
  if (is_set || options.network_interface.empty() || options.network_interface.find('/') != std::string::npos)
    return "";
  return fmt::format("{}=={}", kVariable, options.network_interface);
}

// A rank's output to the folder $0 as well as to mpirun, whose own --output-filename loses it in Open MPI 5.0.7. bash
// becomes the rank; the two tees outlive a signal to all, for the rank's last words.
constexpr const char* kKeepOutput =
    "folder=$0/rank.$OMPI_COMM_WORLD_RANK; mkdir -p \"$folder\" || exit 1; signals='HUP INT TERM USR1 USR2'; "
    "trap '' $signals; exec > >(exec tee -p \"$folder/stdout\") 2> >(exec tee -p \"$folder/stderr\" >&2); "
    "trap - $signals; exec \"$@\"";

}  // namespace

std::vector<std::string> ssh_options(int port) {
  std::vector<std::string> options = {"-o", "BatchMode=yes", "-o",
                                      fmt::format("ConnectTimeout={}", kSshConnectSeconds)};
  if (port > 0) options.insert(options.end(), {"-p", std::to_string(port)});
  return options;
}

std::vector<std::string> mpirun_command(const MpirunOptions& options) {
  check_slots(options);
  check_interface(options.network_interface);
  std::vector<std::string> line = {"mpirun"};
  const auto add = [&](std::initializer_list<std::string> words) { line.insert(line.end(), words); };
  if (options.as_root) add({"--allow-run-as-root"});  // mpirun refuses root, as in a container, without it
  add({"--tag-output", "-np", std::to_string(options.num_proc), "-H", host_list(options.hosts)});
  // Ranks fill one host after the other. Unbound, a rank's threads have all cores: mpirun would bind two ranks to one each.
  add({"--map-by", "slot", "--bind-to", "none"});
  // openib warns of each InfiniBand card it does not know; UCX is what drives them.
  add({"--mca", "btl", "^openib"});
  add({"--mca", "plm_rsh_args", fmt::format("{}", fmt::join(ssh_options(options.ssh_port), " "))});
  // From here to each host, as it was checked, and not from host to host.
  add({"--mca", "plm_rsh_no_tree_spawn", "1"});
  // A host that has vanished is noticed within 10 + 5·2 = 20 s: before the ranks miss its heartbeat (30 s), for keepalive
  // rests while what they send to end the run is unacknowledged.
  add({"--mca", "oob_tcp_keepalive_time", "10"});
  add({"--mca", "oob_tcp_keepalive_intvl", "5"});
  add({"--mca", "oob_tcp_keepalive_probes", "2"});
  if (!options.network_interface.empty()) {
    add({"--mca", "btl_tcp_if_include", options.network_interface});
    add({"--mca", "oob_tcp_if_include", options.network_interface});
  }
  for (const std::string& variable : options.environment) add({"-x", variable});
  if (const std::string variable = interfaces_for_nccl(options); !variable.empty()) add({"-x", variable});
  if (!options.output_filename.empty()) add({"bash", "-c", kKeepOutput, options.output_filename});
  line.insert(line.end(), options.command.begin(), options.command.end());
  return line;
}

std::vector<std::string> exported_variables(const std::vector<std::string>& names) {
  constexpr std::array<std::string_view, 4> kNames = {"LD_LIBRARY_PATH", "LD_PRELOAD", "PATH", "PYTHONPATH"};
  constexpr std::array<std::string_view, 10> kPrefixes = {"CUDA_", "DNNL_",   "KMP_",      "MKL_",   "NCCL_",
                                                          "OMP_",  "ONEDNN_", "OPENBLAS_", "TORCH_", "UCX_"};
  std::vector<std::string> exported;
  for (const std::string& name : names)
    if (std::ranges::find(kNames, name) != kNames.end() ||
        std::ranges::any_of(kPrefixes, [&](std::string_view prefix) { return name.starts_with(prefix); }))
      exported.push_back(name);
  std::ranges::sort(exported);
  return exported;
}

}  // namespace partialfc
