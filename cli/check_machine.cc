#include "cli/check_machine.h"

#include <arpa/inet.h>
#include <cblas.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <torch/types.h>
#include <torch/version.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>

#include "cli/command.h"
#include "cli/cuda_libraries.h"
#include "partialfc/base/cgroup_memory.h"
#include "partialfc/base/error.h"
#include "partialfc/base/process_memory.h"
#include "partialfc/comm/mpi.h"
#include "partialfc/launch/child_process.h"

namespace partialfc {

namespace {

constexpr const char* kNotUsed = "found, not used by this version";

// The first line that the program prints, or empty where it is not there.
std::string first_line_of(const std::vector<std::string>& command) {
  try {
    const ChildResult result = ChildProcess(command, {}).wait();
    return result.exit_code == 0 ? result.out.substr(0, result.out.find('\n')) : "";
  } catch (const Error&) {
    return "";
  }
}

std::string last_word(const std::string& line) { return line.substr(line.rfind(' ') + 1); }

void check_version(CheckList& list, const std::string& name, const std::string& built,
                   const std::string& found) {
  list.ok(name, found.starts_with(built) ? found : fmt::format("{}, built with {}", found, built));
}

// Where libtorch was loaded from: it does not tell its version in words.
std::string torch_library() {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<void*>(&at::globalContext), &info) == 0) return "libtorch";
  return std::filesystem::weakly_canonical(info.dli_fname).string();
}

std::string onednn_instruction_set() {
  using dnnl::cpu_isa;
  switch (dnnl::get_effective_cpu_isa()) {
    case cpu_isa::sse41:
      return "SSE4.1";
    case cpu_isa::avx:
      return "AVX";
    case cpu_isa::avx2:
      return "AVX2";
    case cpu_isa::avx512_core:
      return "AVX-512";
    case cpu_isa::avx512_core_vnni:
      return "AVX-512 VNNI";
    case cpu_isa::avx512_core_bf16:
      return "AVX-512 BF16";
    case cpu_isa::avx512_core_amx:
      return "AMX";
    default:
      return fmt::format("instruction set {}", static_cast<int>(dnnl::get_effective_cpu_isa()));
  }
}

void check_blas_versions(CheckList& list) {
  const dnnl_version_t* dnnl = dnnl_version();
  check_version(
      list, "oneDNN", fmt::format("{}.{}.{}", DNNL_VERSION_MAJOR, DNNL_VERSION_MINOR, DNNL_VERSION_PATCH),
      fmt::format("{}.{}.{}, runs with {}", dnnl->major, dnnl->minor, dnnl->patch, onednn_instruction_set()));
  // "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH …"
  const std::string config = openblas_get_config(), built = OPENBLAS_VERSION;
  const auto second_word = [](const std::string& text) {
    const size_t begin = text.find("OpenBLAS ") + 9;
    return text.substr(begin, text.find(' ', begin) - begin);
  };
  check_version(list, "OpenBLAS", second_word(built),
                fmt::format("{}, kernels for {}", second_word(config), openblas_get_corename()));
}

void check_cuda_versions(CheckList& list, const CudaLibraries& cuda) {
  const std::string nvcc = first_line_of({"sh", "-c", "nvcc --version | grep -o 'release [0-9.]*'"});
  const auto add = [&](const std::string& name, const std::string& version) {
    if (version.empty())
      list.absent(name, "absent");
    else
      list.ok(name, fmt::format("{} {}", version, kNotUsed));
  };
  list.absent("CUDA", "absent: this version is built without it");
  add("CUDA toolkit", nvcc.empty() ? "" : last_word(nvcc));
  add("CUDA driver", cuda.driver);
  add("CUDA runtime", cuda.runtime);
  const bool torch_has_it = at::globalContext().hasCUDART();
  add("libtorch's CUDA",
      torch_has_it ? cuda_version_text(static_cast<int>(at::globalContext().versionCUDART())) : "");
  add("NCCL", cuda.nccl);
}

void check_versions(CheckList& list, const CudaLibraries& cuda, const std::string& mpirun) {
  list.begin_section("versions");
  list.ok("libtorch", fmt::format("built with {}, loaded {}", TORCH_VERSION, torch_library()));
  const MpiVersions mpi = mpi_versions();
  check_version(list, "Open MPI", mpi.built, mpi.found);
  if (mpirun.empty())
    list.absent("mpirun", "absent: install openmpi-bin to run on more than one rank");
  else if (last_word(mpirun) == mpi.found)
    list.ok("mpirun", mpi.found);
  else
    list.wrong("mpirun", fmt::format("'{}', but the library that ranks load is {}", mpirun, mpi.found),
               "put the mpirun of that library first in PATH");
  check_blas_versions(list);
  check_cuda_versions(list, cuda);
}

void check_ways(CheckList& list, const std::string& mpirun) {
  list.begin_section("controllers");
  if (mpirun.empty())
    list.absent("MPI", "absent: there is no mpirun");
  else
    list.ok("MPI", "mpirun, partialfc launch");
  list.ok("threads", "ranks in one process, of the library");
  const std::string srun = first_line_of({"srun", "--version"});
  if (srun.empty())
    list.absent("Slurm", "absent");
  else
    list.ok("Slurm", srun + ": srun --mpi=pmix");
  list.begin_section("tensor operations");
  list.ok("MPI", "on CPUs");
  list.absent("NCCL", "absent: this version is built without it");
}

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(": ") + 2);
  return "CPU";
}

void check_devices(CheckList& list, const CudaLibraries& cuda) {
  list.begin_section("devices");
  const int threads = threads_on_host();
  list.ok("CPU", fmt::format("{}, {} thread{} for this process", processor_name(), threads,
                             threads == 1 ? "" : "s"));
  for (const std::string& device : cuda.devices) list.ok("GPU", fmt::format("{} {}", device, kNotUsed));
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
  check_ways(list, mpirun);
  check_devices(list, cuda);
  check_memory(list);
  check_interfaces(list);
}

}  // namespace partialfc
