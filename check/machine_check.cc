#include "check/machine_check.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "check/cuda_versions.h"
#include "check/library_versions.h"
#include "partialfc/base/cgroup_memory.h"
#include "partialfc/base/cores.h"
#include "partialfc/base/error.h"
#include "partialfc/base/process_memory.h"
#include "partialfc/comm/mpi.h"

namespace partialfc {

namespace {

constexpr bool kHasCuda = sizeof(PARTIALFC_CUDA) > 1;
constexpr const char* kBuiltWithoutMpi = "absent: this program was built without MPI";

void check_ways(CheckList& list, const CudaLibraries& cuda, const std::string& mpirun) {
  list.begin_section("controllers");
  if (mpi_versions().built.empty())
    list.absent("MPI", kBuiltWithoutMpi);
  else if (mpirun.empty())
    list.absent("MPI", "absent: there is no mpirun");
  else
    list.ok("MPI", "mpirun, partialfc launch");
  list.ok("threads", "ranks in one process, of the library");
  const std::string srun = first_line_of({"srun", "--version"});
  if (srun.empty() || mpi_versions().built.empty())
    list.absent("Slurm", srun.empty() ? "absent" : kBuiltWithoutMpi);
  else
    list.ok("Slurm", srun + ": srun --mpi=pmix");
  list.begin_section("tensor operations");
  if (mpi_versions().built.empty())
    list.absent("MPI", kBuiltWithoutMpi);
  else
    list.ok("MPI", "on CPUs");
  if (!kHasCuda)
    list.absent("NCCL", "absent: this program was built without CUDA");
  else if (cuda.devices.empty() || cuda.nccl.empty())
    list.absent("NCCL", cuda.devices.empty() ? "absent: there is no GPU" : "absent");
  else
    list.ok("NCCL", "on GPUs, a rank each");
}

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(": ") + 2);
  return "CPU";
}

void check_devices(CheckList& list, const CudaLibraries& cuda) {
  list.begin_section("devices");
  const int threads = usable_cores();
  list.ok("CPU", fmt::format("{}, {} thread{} for this process", processor_name(), threads,
                             threads == 1 ? "" : "s"));
  for (const std::string& device : cuda.devices) list.ok("GPU", device + (kHasCuda ? "" : kNotUsed));
  if (cuda.devices.empty())
    list.absent("GPU", cuda.device_error.empty() ? "absent" : "absent: " + cuda.device_error);
}

void check_memory(CheckList& list) {
  list.begin_section("memory");
  const auto available = static_cast<double>(available_memory());
  list.ok("memory",
          bytes_text(available) + " available" +
              (cgroup_memory_left() ? " in the control group of this process" : ""),
          {{"available", available}});
  std::error_code error;
  const std::filesystem::space_info room = std::filesystem::space("/dev/shm", error);
  if (error)
    list.absent("/dev/shm", "absent: " + error.message());
  else
    list.ok("/dev/shm",
            fmt::format("{} free of {}", bytes_text(static_cast<double>(room.available)),
                        bytes_text(static_cast<double>(room.capacity))),
            {{"available", static_cast<double>(room.available)},
             {"capacity", static_cast<double>(room.capacity)}});
}

std::string speed_of(const std::string& interface) {
  std::ifstream file("/sys/class/net/" + interface + "/speed");
  int64_t megabits = 0;
  return file >> megabits && megabits > 0 ? fmt::format(", {} Mbit/s", megabits) : "";
}

void check_interfaces(CheckList& list) {
  list.begin_section("network interfaces");
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return list.wrong("interfaces", errno_text(errno), "ask the system's owner");
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(all, ::freeifaddrs);
  for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET || (one->ifa_flags & IFF_UP) == 0)
      continue;
    char address[INET_ADDRSTRLEN] = {};
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(one->ifa_addr)->sin_addr, address,
                sizeof address);
    list.ok(one->ifa_name, address + speed_of(one->ifa_name));
  }
}

}  // namespace

void check_machine(CheckList& list) {
  const CudaLibraries cuda = find_cuda_libraries();
  const std::string mpirun = first_line_of({"mpirun", "--version"});  // "mpirun (Open MPI) 4.1.4"
  check_versions(list, cuda, mpirun);
  check_ways(list, cuda, mpirun);
  check_devices(list, cuda);
  check_memory(list);
  check_interfaces(list);
}

}  // namespace partialfc
