#include "trainer/torch_runtime.h"

#include <gmock/gmock.h>
#include <omp.h>

namespace partialfc {
namespace {

// Loops of libtorch's headers are compiled into this program: they have libtorch's threads only if both load one OpenMP.
TEST(TorchRuntime, ThisProgramAndLibtorchShareOneOpenMp) {
  const int before = omp_get_max_threads();
  set_torch_threads(before + 2);
  EXPECT_EQ(omp_get_max_threads(), before + 2);
  set_torch_threads(before);
  EXPECT_EQ(omp_get_max_threads(), before);
}

TEST(TorchRuntime, VersionsAndFiles) {
  const TorchVersions torch = torch_versions();
  EXPECT_NE(torch.built, "");
  EXPECT_THAT(torch.library, testing::HasSubstr("libtorch"));
  EXPECT_THAT(torch.blas, testing::StartsWith("/"));
}

}  // namespace
}  // namespace partialfc
