// The mpirun command that starts the ranks: what `partialfc launch` runs. Open MPI 4 and 5 take the same one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "partialfc/launch/hosts.h"

namespace partialfc {

// How ssh is called, by the check of the hosts and by mpirun alike: it never asks for anything, and gives up in time.
// port 0: the one of ssh's configuration.
std::vector<std::string> ssh_options(int port);
constexpr int kSshConnectSeconds = 10;

struct MpirunOptions {
  int64_t num_proc = 1;  // R
  std::vector<Host> hosts;
  int ssh_port = 0;
  std::string network_interface;         // names or networks (eth0, 10.1.0.0/16) between commas; empty: any
  std::vector<std::string> environment;  // NAME, of this process's environment, or NAME=VALUE
  std::string output_filename;  // folder that gets rank.R/stdout and rank.R/stderr of each rank; empty: none
  bool as_root = false;
  std::vector<std::string> command;
};

// Its arguments, mpirun first. Throws UsageError for fewer slots than ranks, and for an interface's name that a shell could
// take for something else.
std::vector<std::string> mpirun_command(const MpirunOptions& options);

// Those of `names` that ranks are given on every host: PATH, LD_LIBRARY_PATH, LD_PRELOAD, PYTHONPATH, and what steers
// libraries that ranks use (CUDA_…, DNNL_…, KMP_…, MKL_…, NCCL_…, OMP_…, ONEDNN_…, OPENBLAS_…, TORCH_…, UCX_…).
std::vector<std::string> exported_variables(const std::vector<std::string>& names);

}  // namespace partialfc
