// For tests of fonts and of what is drawn with them.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "examples/glyphs/font_catalog.h"
#include "examples/glyphs/test_font.h"
#include "partialfc/base/file.h"

namespace partialfc {

// A folder of its own for each test, gone at its end.
class Glyphs : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(testing::TempDir()) / (std::string("glyphs_test_") + test->name());
    std::filesystem::remove_all(folder_);
    create_folders(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  FontFace write(const std::string& file, const TestFont& font) {
    write_test_font(folder_ / file, font);
    return {folder_ / file, 0, font.family, "Regular"};
  }

  std::filesystem::path folder_;
};

}  // namespace partialfc
