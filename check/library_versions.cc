#include "check/library_versions.h"

#include <fmt/format.h>

#include "check/cuda_versions.h"
#include "measure/onednn.h"
#include "measure/openblas.h"
#include "partialfc/base/error.h"
#include "partialfc/comm/mpi.h"
#include "partialfc/launch/child_process.h"
#include "trainer/torch_runtime.h"

namespace partialfc {

namespace {

constexpr const char* kBuiltWithout = "absent: this program was built without it";

std::string last_word(const std::string& line) { return line.substr(line.rfind(' ') + 1); }

void check_version(CheckList& list, const std::string& name, const std::string& built,
                   const std::string& found) {
  list.ok(name, found.starts_with(built) ? found : fmt::format("{}, built with {}", found, built));
}

void check_mpi_versions(CheckList& list, const std::string& mpirun) {
  const MpiVersions mpi = mpi_versions();
  if (mpi.built.empty()) return list.absent("Open MPI", kBuiltWithout);
  check_version(list, "Open MPI", mpi.built, mpi.found);
  if (mpirun.empty())
    list.absent("mpirun", "absent: install openmpi-bin to run on more than one rank");
  else if (last_word(mpirun) == mpi.found)
    list.ok("mpirun", mpi.found);
  else
    list.wrong("mpirun", fmt::format("'{}', but the library that ranks load is {}", mpirun, mpi.found),
               "put the mpirun of that library first in PATH");
}

void check_blas_versions(CheckList& list) {
  const OnednnVersions onednn = onednn_versions();
  if (onednn.built.empty())
    list.absent("oneDNN", kBuiltWithout);
  else
    check_version(list, "oneDNN", onednn.built,
                  fmt::format("{}, runs with {}", onednn.found, onednn.instruction_set));
  const OpenblasVersions openblas = openblas_versions();
  check_version(list, "OpenBLAS", openblas.built,
                fmt::format("{}, kernels for {}", openblas.found, openblas.cpu));
}

}  // namespace

void check_versions(CheckList& list, const CudaLibraries& cuda, const std::string& mpirun) {
  list.begin_section("versions");
  const TorchVersions torch = torch_versions();
  if (torch.built.empty()) {
    list.absent("libtorch", kBuiltWithout);
  } else {
    list.ok("libtorch", fmt::format("built with {}, loaded {}", torch.built, torch.library));
    list.ok("libtorch's BLAS", torch.blas);
  }
  check_mpi_versions(list, mpirun);
  check_blas_versions(list);
  const std::string nvcc = first_line_of({"sh", "-c", "nvcc --version | grep -o 'release [0-9.]*'"});
  const CudaBuild built{.kernels = PARTIALFC_CUDA,
                        .torch = torch.cuda == 0 ? "" : cuda_version_text(torch.cuda),
                        .torch_cudnn = torch.cudnn == 0 ? "" : cudnn_version_text(torch.cudnn)};
  check_cuda_versions(list, built, cuda, nvcc.empty() ? "" : last_word(nvcc));
}

std::string first_line_of(const std::vector<std::string>& command) {
  try {
    const ChildResult result = ChildProcess(command, {}).wait();
    return result.exit_code == 0 ? result.out.substr(0, result.out.find('\n')) : "";
  } catch (const Error&) {
    return "";
  }
}

}  // namespace partialfc
