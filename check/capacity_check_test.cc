#include "check/capacity_check.h"

#include "check/check_fixture.h"
#include "partialfc/base/scratch_file.h"
#include "trainer/recipe_shape.h"

namespace partialfc {
namespace {

using testing::HasSubstr;

constexpr int64_t kClasses = 100'000, kDim = 256;

class CapacityCheck : public RecipeChecks {
 protected:
  CapacityCheck() {
    recipe_.data.source = "synthetic";
    recipe_.data.classes = kClasses;
    recipe_.backbone = {.name = "small", .embedding = kDim, .width = 4, .stages = 2};
    recipe_.head.store = "file";
    recipe_.head.store_folder = (folder_ / "store").string();
  }
  TrainingShape shape() { return shape_of(recipe_, kClasses, 1, 1); }
};

// Records of 2 KB on a disk that is written in blocks of 4 KB take as much again: as the store itself has them.
TEST_F(CapacityCheck, TheWorkingFileIsForecastAsTheStoreLaysItOut) {
  for (const uint64_t alignment : {512, 4096}) {
    CheckList list;
    TrainingShape aligned = shape();
    aligned.store_alignment = alignment;
    check_disk(recipe_, aligned, {.classes = kClasses, .images = kClasses}, folder_ / "run", 1, list);
    const int64_t record = aligned_record_bytes(2 * kDim * 4, alignment);
    EXPECT_EQ(record, alignment == 512 ? 2048 : 4096);
    ASSERT_EQ(list.lines()[0].name, "working file");
    EXPECT_EQ(list.lines()[0].figures.at("needed"), static_cast<double>(kClasses * record));
    EXPECT_EQ(aligned.stored_record_bytes(), record);
  }
}

// What a plan takes without asking a disk is what always suffices.
TEST_F(CapacityCheck, AShapeAssumesTheLargestBlocks) {
  EXPECT_EQ(shape().store_alignment, ScratchFile::kAssumedAlignment);
  recipe_.head.store = "memory";
  EXPECT_EQ(shape().stored_record_bytes(), shape().record().bytes());
}

TEST_F(CapacityCheck, AFolderThatIsNotThereIsAskedAsTheNearestAboveIt) {
  EXPECT_EQ(existing_folder(folder_ / "a/b/c"), folder_.path());
  EXPECT_EQ(existing_folder(folder_.path()), folder_.path());
}

TEST_F(CapacityCheck, AFolderThatCanBeWrittenIsLeftAsItWas) {
  check_writable("output", folder_ / "run", list_);
  EXPECT_EQ(line("output").status, CheckStatus::kOk);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(CapacityCheck, MemoryThatDoesNotSufficeNamesWhatTakesMost) {
  TrainingShape huge = shape_of(recipe_, 4'000'000'000, 1, 1);
  huge.store_bytes = 0;
  check_rank_memory(huge, memory_of_rank(1, 1), 1, list_);
  EXPECT_EQ(line("memory").status, CheckStatus::kWrong);
  EXPECT_THAT(line("memory").found, HasSubstr("a rank x 1 here (most of it"));
  EXPECT_GT(line("memory").figures.at("rank"), line("memory").figures.at("available"));
}

}  // namespace
}  // namespace partialfc
