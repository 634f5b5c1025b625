#include "measure/store_bounds.h"

#include <gtest/gtest.h>

#include "partialfc/base/scratch_file.h"
#include "partialfc/base/test_support.h"
#include "partialfc/comm/thread_ranks.h"

namespace partialfc {
namespace {

// Records of 192 bytes, which take a block of the disk each: of 600 rows a third are in memory.
TEST(StoreBounds, TellsTheDiskFromTheArithmetic) {
  const ScratchFolder folder;
  HeadRunOptions head{.classes = 600, .sample_rate = 0.2, .batch = 8, .dim = 24};
  const auto stride = static_cast<int64_t>(
      aligned_record_bytes(head.record().bytes(), ScratchFile(folder.path()).alignment()));
  head.file_store = FileStoreOptions{.folder = folder.path(), .memory_bytes = 200 * stride};
  EXPECT_EQ(turn_of_the_memory(head), 2 + static_cast<int64_t>(1.4 * 200 / 120));
  run_ranks(1, [&](Communicator& world) {
    const StoreBounds bounds = measure_store_bounds(head, 120, 2, world);
    EXPECT_GT(bounds.memory_step_seconds, 0);
    EXPECT_GT(bounds.disk_seconds, 0);
    EXPECT_GE(bounds.disk_depth, 16);
    EXPECT_EQ(bounds.seconds(), std::max(bounds.memory_step_seconds, bounds.disk_seconds));
  });
}

}  // namespace
}  // namespace partialfc
