#include "check/check_list.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "partialfc/base/error.h"

namespace partialfc {
namespace {

using testing::HasSubstr;

CheckList some_lines() {
  CheckList list;
  list.begin_section("versions");
  list.ok("Open MPI", "4.1.4");
  list.absent("NCCL", "absent");
  list.begin_section("recipe my.toml");
  list.wrong("labels", "3 of 120 images have a label that no class has", "set data.classes = 11",
             {{"images", 3}});
  return list;
}

TEST(CheckList, TextIsATableWithAMarkALine) {
  const std::string text = check_text(some_lines());
  EXPECT_THAT(text, HasSubstr("\nversions\n"
                              "  [X] Open MPI             4.1.4\n"
                              "  [ ] NCCL                 absent\n"
                              "\nrecipe my.toml\n"
                              "  [!] labels               3 of 120 images have a label that no class has\n"
                              "                           → set data.classes = 11\n"
                              "\n1 line with [!]: wrong\n"));
  EXPECT_THAT(check_text(CheckList()), HasSubstr("\nnothing is wrong\n"));
}

TEST(CheckList, LinesAreWrappedAt80ColumnsCountedInLetters) {
  CheckList list;
  list.begin_section("s");
  std::string words;
  for (int i = 0; i < 40; ++i) words += "größe ";  // 5 columns, 7 bytes
  list.ok("words", words + std::string(100, 'x'));
  list.wrong("lines", "first\nsecond");
  std::istringstream lines(check_text(list));
  size_t longest = 0, wrapped = 0;
  for (std::string line; std::getline(lines, line);) {
    const size_t columns = std::ranges::count_if(line, [](char c) { return (c & 0xc0) != 0x80; });
    if (line.find("größe") != std::string::npos) longest = std::max(longest, columns), ++wrapped;
  }
  EXPECT_LE(longest, 80u);
  EXPECT_GT(longest, 74u);
  EXPECT_EQ(wrapped, 5u);  // 9 words a line
  EXPECT_THAT(check_text(list), HasSubstr("first\n                           second\n"));
}

TEST(CheckList, JsonHoldsEveryLineAndWhatIsWrong) {
  const auto json = nlohmann::json::parse(check_json(some_lines()));
  EXPECT_EQ(json["ok"], false);
  EXPECT_EQ(json["wrong"], 1);
  ASSERT_EQ(json["checks"].size(), 3u);
  EXPECT_EQ(json["checks"][0]["status"], "ok");
  EXPECT_EQ(json["checks"][1]["status"], "absent");
  EXPECT_EQ(json["checks"][2]["section"], "recipe my.toml");
  EXPECT_EQ(json["checks"][2]["figures"]["images"], 3);
  EXPECT_EQ(json["checks"][2]["remedy"], "set data.classes = 11");
}

TEST(CheckList, AnErrorBecomesAWrongLine) {
  CheckList list;
  EXPECT_TRUE(list.attempt("fine", [] {}));
  EXPECT_FALSE(list.attempt("data", [] { fail("none: cannot open"); }));
  EXPECT_FALSE(list.attempt("folder", [] { (void)std::filesystem::file_size("/no/such/file"); }));
  ASSERT_EQ(list.lines().size(), 2u);
  EXPECT_EQ(list.lines()[0].found, "none: cannot open");
  EXPECT_EQ(list.lines()[1].found, "/no/such/file: No such file or directory");
  EXPECT_EQ(list.wrong_lines(), 2);
}

TEST(CheckList, BytesInWords) {
  EXPECT_EQ(bytes_text(999), "999 bytes");
  EXPECT_EQ(bytes_text(1.5e9), "1.5 GB");
  EXPECT_EQ(bytes_text(2e12), "2 TB");
  EXPECT_EQ(bytes_text(20480), "20.5 kB");
}

}  // namespace
}  // namespace partialfc
