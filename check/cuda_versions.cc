#include "check/cuda_versions.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <vector>

#include "partialfc/comm/nccl_library.h"

namespace partialfc {

namespace {

// "13.0.88" → {13, 0, 88}
std::vector<int> numbers(const std::string& version) {
  std::vector<int> all;
  std::istringstream text(version);
  for (std::string part; std::getline(text, part, '.');) all.push_back(std::atoi(part.c_str()));
  return all;
}

// Programs of one CUDA run with drivers and libraries of every version with the same number before the point.
int major_of(const std::string& version) { return version.empty() ? 0 : numbers(version).front(); }

std::string not_used(const CudaBuild& built) { return built.kernels.empty() ? kNotUsed : ""; }

// The oldest of NVIDIA's drivers that run a CUDA of that major version.
std::string driver_for(int cuda) {
  return cuda == 12   ? "driver 525 or later"
         : cuda == 13 ? "driver 580 or later"
                      : fmt::format("driver for CUDA {}", cuda);
}

void check_driver(CheckList& list, const CudaBuild& built, const std::string& found) {
  if (built.kernels.empty() && !found.empty()) return list.ok("CUDA driver", found + kNotUsed);
  const std::string& newest = std::max(built.kernels, built.torch,
                                       [](const auto& a, const auto& b) { return numbers(a) < numbers(b); });
  const int wanted = major_of(newest);
  if (found.empty() && wanted == 0)
    list.absent("CUDA driver", "absent");
  else if (found.empty())
    list.absent("CUDA driver", fmt::format("absent: built with CUDA {}, for a GPU install NVIDIA's {}",
                                           newest, driver_for(wanted)));
  else if (major_of(found) < wanted)
    list.wrong("CUDA driver", fmt::format("{} at most, built with CUDA {}", found, newest),
               fmt::format("install NVIDIA's {}", driver_for(wanted)));
  else
    list.ok("CUDA driver", found);
}

void check_torch(CheckList& list, const CudaBuild& built) {
  if (built.torch.empty())
    list.absent("libtorch's CUDA", "absent: pip's torch has it (scripts/setup --cuda)");
  else if (!built.kernels.empty() && major_of(built.kernels) != major_of(built.torch))
    list.wrong(
        "libtorch's CUDA",
        fmt::format("{}, but this program's kernels are built with {}", built.torch, built.kernels),
        fmt::format("build with a torch of CUDA {0} (scripts/setup --cuda), or the kernels with nvcc {1}",
                    major_of(built.kernels), major_of(built.torch)));
  else
    list.ok("libtorch's CUDA", built.torch);
}

void check_cudnn(CheckList& list, const std::string& built, const std::string& found) {
  if (built.empty() || found.empty())
    found.empty() ? list.absent("cuDNN", "absent")
                  : list.ok("cuDNN", found + ", not used: libtorch was built without it");
  else if (major_of(found) != major_of(built) || numbers(found) < numbers(built))
    list.wrong("cuDNN", fmt::format("{}, libtorch was built with {}", found, built),
               fmt::format("install cuDNN {} or a later {}", built, major_of(built)));
  else
    list.ok("cuDNN", fmt::format("{}, libtorch was built with {}", found, built));
}

void check_nccl(CheckList& list, const CudaBuild& built, const std::string& found) {
  const std::string oldest = nccl_version_name(nccl::kOldestVersion);
  if (found.empty())
    list.absent("NCCL", "absent");
  else if (numbers(found) < numbers(oldest))
    list.wrong("NCCL", found, fmt::format("install NCCL {} or later", oldest));
  else
    list.ok("NCCL", found + not_used(built));
}

}  // namespace

void check_cuda_versions(CheckList& list, const CudaBuild& built, const CudaLibraries& found,
                         const std::string& toolkit) {
  if (built.kernels.empty())
    list.absent("CUDA", "absent: this program was built without it");
  else
    list.ok("CUDA", "kernels built with " + built.kernels);
  toolkit.empty() ? list.absent("CUDA toolkit", "absent") : list.ok("CUDA toolkit", toolkit);
  check_driver(list, built, found.driver);
  found.runtime.empty() ? list.absent("CUDA runtime", "absent") : list.ok("CUDA runtime", found.runtime);
  check_torch(list, built);
  check_cudnn(list, built.torch_cudnn, found.cudnn);
  check_nccl(list, built, found.nccl);
}

}  // namespace partialfc
