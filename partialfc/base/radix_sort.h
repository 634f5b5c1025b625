// Sorting of 64-bit words by their upper half, in linear time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace partialfc {

// Sorts words by their upper 32 bits, which are below `bound`; words equal there keep their order. scratch is working
// space.
inline void sort_by_upper_half(std::vector<uint64_t>& words, uint64_t bound, std::vector<uint64_t>& scratch) {
  constexpr int kDigit = 11;
  scratch.resize(words.size());
  for (int shift = 32; shift < 64 && (bound - 1) >> (shift - 32) != 0; shift += kDigit) {
    std::array<uint64_t, (1 << kDigit) + 1> starts{};
    const auto digit = [shift](uint64_t word) { return word >> shift & ((1 << kDigit) - 1); };
    for (const uint64_t word : words) ++starts[digit(word) + 1];
    for (size_t i = 1; i < starts.size(); ++i) starts[i] += starts[i - 1];
    for (const uint64_t word : words) scratch[starts[digit(word)]++] = word;
    words.swap(scratch);
  }
}

}  // namespace partialfc
