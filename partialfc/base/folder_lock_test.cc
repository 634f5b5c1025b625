#include "partialfc/base/folder_lock.h"

#include "partialfc/base/file.h"
#include "partialfc/base/test_support.h"

namespace partialfc {
namespace {

TEST(FolderLock, IsSharedOrHeldAlone) {
  const ScratchFolder folder;
  auto a = FolderLock::open(folder.path()), b = FolderLock::open(folder.path());
  ASSERT_TRUE(a && b);
  EXPECT_TRUE(a->try_share());
  EXPECT_TRUE(b->try_share());
  EXPECT_FALSE(a->try_alone());  // and has lost its share
  EXPECT_TRUE(b->try_alone());
  EXPECT_FALSE(a->try_share());
  b.reset();
  EXPECT_TRUE(a->try_alone());
}

TEST(FolderLock, KnowsWhenItsFolderIsGone) {
  const ScratchFolder folder;
  create_folders(folder / "a");
  const auto lock = FolderLock::open(folder / "a");
  EXPECT_TRUE(lock->is_in_place());
  std::filesystem::rename(folder / "a", folder / "b");
  EXPECT_FALSE(lock->is_in_place());
  create_folders(folder / "a");
  EXPECT_FALSE(lock->is_in_place());
  EXPECT_FALSE(FolderLock::open(folder / "none"));
}

}  // namespace
}  // namespace partialfc
