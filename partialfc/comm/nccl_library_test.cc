#include "partialfc/comm/nccl_library.h"

#include <dlfcn.h>
#include <gmock/gmock.h>

#include <cstdlib>

namespace partialfc {
namespace {

TEST(NcclLibrary, SaysWhatToInstallWhereThereIsNone) {
  ::setenv("PARTIALFC_NCCL", "/nowhere/libnccl.so.2", 1);
  try {
    nccl_library();
    ADD_FAILURE() << "found in /nowhere";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("/nowhere/libnccl.so.2 cannot be loaded: install libnccl2"));
  }
  ::unsetenv("PARTIALFC_NCCL");
}

TEST(NcclLibrary, TheRealOneHasWhatIsCalled) {
  if (::dlopen("libnccl.so.2", RTLD_NOW | RTLD_LOCAL) == nullptr) GTEST_SKIP() << "no NCCL: " << ::dlerror();
  int version = 0;
  EXPECT_EQ(nccl_library().get_version(&version), nccl::Result::kSuccess);
  EXPECT_GE(version, nccl::kOldestVersion);
  EXPECT_STREQ(nccl_library().error_string(nccl::Result::kSuccess), "no error");
}

TEST(NcclVersionName, IsReadFromBothForms) {
  EXPECT_EQ(nccl_version_name(2708), "2.7.8");
  EXPECT_EQ(nccl_version_name(22809), "2.28.9");
}

}  // namespace
}  // namespace partialfc
