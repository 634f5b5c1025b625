#include "check/data_check.h"

#include "check/check_fixture.h"
#include "partialfc/base/file.h"

namespace partialfc {
namespace {

using testing::HasSubstr;

class DataCheck : public RecipeChecks {};

TEST_F(DataCheck, ASetInOrder) {
  write_set(folder_.path(), draw_classes(10, 4), 10);
  ASSERT_NE(check_data(recipe_, list_), nullptr);
  EXPECT_EQ(list_.wrong_lines(), 0) << check_text(list_);
  EXPECT_EQ(line("records").found, "read: all 40 images");
  EXPECT_EQ(line("labels").found, "0 … 9, of all 40 images");
  EXPECT_EQ(line("images").found, "40 images decoded: 12 x 12");
  for (const CheckLine& each : list_.lines())
    EXPECT_NE(each.name, "order");  // nothing to say of the full one
}

// A fraction and a number that float32 cannot tell from its neighbours are labels that no class has, not damage.
TEST_F(DataCheck, LabelsThatAreNoClassNumbersAreBadLabels) {
  RecordWriter writer(folder_ / "train.rec", folder_ / "train.idx");
  const std::vector<std::byte> image = draw_image(0, 0).bytes;
  uint64_t key = 0;
  for (const float label : {0.0f, 0.5f, 1e20f, 2.0f})
    writer.write(key++, build_image_record({.labels = {label}, .image = image}));
  writer.close();
  check_data(recipe_, list_);
  EXPECT_EQ(line("records").status, CheckStatus::kOk);
  EXPECT_EQ(line("labels").status, CheckStatus::kWrong);
  EXPECT_THAT(line("labels").found, HasSubstr("2 of 4 images have a label that no class has"));
  EXPECT_THAT(line("labels").found, HasSubstr("train.rec, key 1: label 0.5 is not a class number"));
}

TEST_F(DataCheck, AnOrderByShardsIsTried) {
  write_set(folder_.path(), draw_classes(10, 4), 10);
  recipe_.data.order = "shards";
  recipe_.data.window_shards = 3;
  check_data(recipe_, list_);
  EXPECT_EQ(line("order").status, CheckStatus::kOk);
  EXPECT_THAT(line("order").found, HasSubstr("3 of them mixed"));
}

TEST_F(DataCheck, AnOrderByShardsNeedsOneFile) {
  for (const char* name : {"a", "b"}) {
    create_folders(folder_ / "images" / name);
    OutputFile file(folder_ / "images" / name / "0.png");
    file.write(draw_image(0, 0).bytes);
    file.close();
  }
  recipe_.data.path = (folder_ / "images").string();
  recipe_.data.order = "shards";
  EXPECT_NE(check_data(recipe_, list_), nullptr);
  EXPECT_EQ(line("order").status, CheckStatus::kWrong);
  EXPECT_THAT(line("order").found, HasSubstr("make a .rec file of them"));
}

TEST_F(DataCheck, DataThatIsNotThere) {
  recipe_.data.path = (folder_ / "none").string();
  EXPECT_EQ(check_data(recipe_, list_), nullptr);
  EXPECT_EQ(line("data").status, CheckStatus::kWrong);
  EXPECT_EQ(list_.lines().size(), 1u);
}

}  // namespace
}  // namespace partialfc
