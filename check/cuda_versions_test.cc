// What `partialfc check` says of CUDA, of what was built with and what is found.
#include "check/cuda_versions.h"

#include <gmock/gmock.h>

namespace partialfc {
namespace {

using testing::HasSubstr;

// The line of that name as the table has it: mark, what is found, what to do.
std::string line(const std::string& name, const CudaBuild& built, const CudaLibraries& found) {
  CheckList list;
  check_cuda_versions(list, built, found, "13.0");
  for (const CheckLine& line : list.lines())
    if (line.name == name)
      return (line.status == CheckStatus::kOk       ? "[X] "
              : line.status == CheckStatus::kAbsent ? "[ ] "
                                                    : "[!] ") +
             line.found + (line.remedy.empty() ? "" : " → " + line.remedy);
  return "no such line";
}

const CudaBuild kPipsTorch{.kernels = "13.0.88", .torch = "13.2", .torch_cudnn = "9.26.0"};

TEST(CudaVersions, AMachineWithoutADriverIsInOrder) {
  CheckList list;
  check_cuda_versions(list, kPipsTorch, {.runtime = "13.2", .nccl = "2.30.7", .cudnn = "9.26.0"}, "");
  EXPECT_EQ(list.wrong_lines(), 0);
  EXPECT_EQ(line("CUDA driver", kPipsTorch, {}),
            "[ ] absent: built with CUDA 13.2, for a GPU install NVIDIA's driver 580 or later");
  EXPECT_EQ(line("CUDA driver", {}, {}), "[ ] absent");
  EXPECT_EQ(line("CUDA", {}, {}), "[ ] absent: this program was built without it");
  EXPECT_EQ(line("CUDA", kPipsTorch, {}), "[X] kernels built with 13.0.88");
}

TEST(CudaVersions, ADriverOfAnOlderCudaIsWrong) {
  EXPECT_EQ(line("CUDA driver", kPipsTorch, {.driver = "12.4"}),
            "[!] 12.4 at most, built with CUDA 13.2 → install NVIDIA's driver 580 or later");
  EXPECT_EQ(line("CUDA driver", kPipsTorch, {.driver = "13.0"}), "[X] 13.0");
  EXPECT_EQ(line("CUDA driver", {.kernels = "12.4.131"}, {.driver = "13.0"}), "[X] 13.0");
  EXPECT_EQ(line("CUDA driver", {}, {.driver = "11.4"}),
            "[X] 11.4, not used: this program was built without CUDA");
  EXPECT_EQ(line("CUDA driver", {.kernels = "12.4.131"}, {.driver = "11.4"}),
            "[!] 11.4 at most, built with CUDA 12.4.131 → install NVIDIA's driver 525 or later");
}

TEST(CudaVersions, LibtorchAndTheKernelsAreOfOneCuda) {
  EXPECT_EQ(line("libtorch's CUDA", kPipsTorch, {}), "[X] 13.2");
  EXPECT_EQ(line("libtorch's CUDA", {.kernels = "13.0.88"}, {}),
            "[ ] absent: pip's torch has it (scripts/setup --cuda)");
  EXPECT_EQ(line("libtorch's CUDA", {.kernels = "13.0.88", .torch = "12.8"}, {}),
            "[!] 12.8, but this program's kernels are built with 13.0.88 → build with a torch of CUDA 13 "
            "(scripts/setup --cuda), or the kernels with nvcc 12");
}

TEST(CudaVersions, CudnnIsAsNewAsLibtorchsAndNcclAsNewAsOurs) {
  EXPECT_EQ(line("cuDNN", kPipsTorch, {.cudnn = "9.26.0"}), "[X] 9.26.0, libtorch was built with 9.26.0");
  EXPECT_THAT(line("cuDNN", kPipsTorch, {.cudnn = "9.27.1"}), HasSubstr("[X] 9.27.1"));
  EXPECT_EQ(line("cuDNN", kPipsTorch, {.cudnn = "9.4.0"}),
            "[!] 9.4.0, libtorch was built with 9.26.0 → install cuDNN 9.26.0 or a later 9");
  EXPECT_THAT(line("cuDNN", kPipsTorch, {.cudnn = "10.0.0"}), HasSubstr("[!] 10.0.0"));
  EXPECT_EQ(line("NCCL", kPipsTorch, {.nccl = "2.7.8"}), "[!] 2.7.8 → install NCCL 2.14.0 or later");
  EXPECT_EQ(line("NCCL", kPipsTorch, {.nccl = "2.30.7"}), "[X] 2.30.7");
}

}  // namespace
}  // namespace partialfc
