#include "partialfc/base/fingerprint.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace partialfc {
namespace {

uint64_t fingerprint_of(const std::vector<std::string>& texts) {
  Fingerprint fingerprint;
  for (const std::string& text : texts) fingerprint.add(text);
  return fingerprint.value();
}

TEST(Fingerprint, TellsSequencesApart) {
  const std::vector<std::vector<std::string>> sequences = {
      {}, {""}, {"", ""}, {"abc"}, {"ab", "c"}, {"a", "bc"}, {"bc", "a"}, {"abc", ""}, {"", "abc"}};
  std::set<uint64_t> values;
  for (const auto& sequence : sequences) values.insert(fingerprint_of(sequence));
  EXPECT_EQ(values.size(), sequences.size());
}

TEST(Fingerprint, IsAFunctionOfTheSequence) {
  EXPECT_EQ(fingerprint_of({"a", "b"}), fingerprint_of({"a", "b"}));
  Fingerprint one, other;
  one.add(int64_t{7});
  other.add(int64_t{8});
  EXPECT_NE(one.value(), other.value());
}

}  // namespace
}  // namespace partialfc
