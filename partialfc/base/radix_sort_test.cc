#include "partialfc/base/radix_sort.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "partialfc/base/random.h"

namespace partialfc {
namespace {

TEST(RadixSort, SortsByTheUpperHalfAndKeepsTheOrderOfEquals) {
  for (uint64_t bound :
       {uint64_t{1}, uint64_t{2}, uint64_t{2048}, uint64_t{2049}, uint64_t{1} << 30, uint64_t{1} << 32})
    for (int64_t n : {0, 1, 2, 1000}) {
      std::vector<uint64_t> words(n), scratch;
      RandomStream random(bound, Purpose::kSyntheticData);
      for (uint64_t& word : words)
        word = static_cast<uint64_t>(random.below(static_cast<int64_t>(bound))) << 32 | random.next_u32();
      std::vector<uint64_t> expected = words;
      std::stable_sort(expected.begin(), expected.end(),
                       [](uint64_t a, uint64_t b) { return a >> 32 < b >> 32; });
      sort_by_upper_half(words, bound, scratch);
      EXPECT_EQ(words, expected) << bound;
    }
}

}  // namespace
}  // namespace partialfc
