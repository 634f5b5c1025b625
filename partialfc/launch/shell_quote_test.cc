#include "partialfc/launch/shell_quote.h"

#include <gtest/gtest.h>

#include "partialfc/launch/child_process.h"

namespace partialfc {
namespace {

TEST(ShellQuote, WhatNeedsNoQuotesHasNone) {
  for (const char* plain : {"mpirun", "-np", "--data.path=/a/b_c.rec", "user@h:8", "1,2", "+x%"})
    EXPECT_EQ(shell_quoted(plain), plain);
  EXPECT_EQ(shell_quoted(""), "''");
  EXPECT_EQ(shell_quoted("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_line({"a", "b c", "^d"}), "a 'b c' '^d'");
}

TEST(ShellQuote, AShellReadsBackEachByte) {
  std::string all;
  for (int byte = 1; byte < 256; ++byte) all += static_cast<char>(byte);
  const std::vector<std::string> words = {"printf",          "%s|", all, "",   "'", "''a''",
                                          "$HOME `x` \\ \"", "-n",  "~", "#a", "!!"};
  const ChildResult result = ChildProcess({"sh", "-c", shell_line(words)}, {}).wait();
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(result.out, all + "||'|''a''|$HOME `x` \\ \"|-n|~|#a|!!|");
}

}  // namespace
}  // namespace partialfc
