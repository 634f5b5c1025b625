#include "partialfc/base/cgroup_memory.h"

#include <gtest/gtest.h>

#include <fstream>

#include "partialfc/base/test_support.h"

namespace partialfc {
namespace {

namespace fs = std::filesystem;

class CgroupMemory : public ::testing::Test {
 protected:
  void write(const fs::path& name, const std::string& text) {
    fs::create_directories((folder_.path() / name).parent_path());
    std::ofstream(folder_.path() / name) << text;
  }
  void write_version_1(const fs::path& group, const std::string& limit) {
    write("mounts/memory" / group / "memory.limit_in_bytes", limit + "\n");
    write("mounts/memory" / group / "memory.usage_in_bytes", "300\n");
    write("mounts/memory" / group / "memory.stat", "cache 7\ntotal_cache 90\ntotal_inactive_file 40\n");
  }
  void write_version_2(const fs::path& group, const std::string& limit) {
    write("mounts" / group / "memory.max", limit + "\n");
    write("mounts" / group / "memory.current", "300\n");
    write("mounts" / group / "memory.stat", "anon 260\ninactive_file 40\n");
  }
  std::optional<int64_t> left() const {
    return cgroup_memory_left(folder_.path() / "groups", folder_.path() / "mounts");
  }

  ScratchFolder folder_;
};

TEST_F(CgroupMemory, NothingIsSaidWithoutALimit) {
  EXPECT_EQ(left(), std::nullopt);
  write("groups", "4:memory:/\n0::/\n");
  write_version_1("", "9223372036854771712");
  write_version_2("", "max");
  EXPECT_EQ(left(), std::nullopt);
}

TEST_F(CgroupMemory, TheTightestGroupAboveAProcessCounts) {
  write("groups", "9:cpu:/a\n4:memory:/a/b\n0::/\n");
  write_version_1("a/b", "9223372036854771712");
  write_version_1("a", "1000");
  write_version_1("", "2000");
  EXPECT_EQ(left(), 1000 - 300 + 40);
}

TEST_F(CgroupMemory, Version2) {
  write("groups", "0::/user.slice/job\n");
  write_version_2("user.slice/job", "500");
  write_version_2("user.slice", "max");
  EXPECT_EQ(left(), 500 - 300 + 40);
  write_version_2("user.slice/job", "200");  // a limit that was lowered below what is used
  EXPECT_EQ(left(), 0);
}

TEST_F(CgroupMemory, AContainerSeesItsGroupAsTheRoot) {
  write("groups", "4:memory:/docker/0123\n");
  write_version_1("", "800");
  EXPECT_EQ(left(), 800 - 300 + 40);
}

}  // namespace
}  // namespace partialfc
