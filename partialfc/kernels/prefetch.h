// Rows that will be needed next, brought into the caches while other work goes on.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace partialfc {

// Asks for a row, into the level-1 cache.
inline void prefetch_row(const void* row, int64_t bytes) {
  for (int64_t offset = 0; offset < bytes; offset += 64)
    __builtin_prefetch(static_cast<const std::byte*>(row) + offset, 0, 3);
}

// Brings rows into the level-2 cache a few lines at a time.
class RowPrefetch {
 public:
  RowPrefetch() = default;  // of nothing
  // The first `bytes` bytes of each row, spread over `calls` calls of advance().
  RowPrefetch(std::span<std::byte* const> rows, int64_t bytes, int64_t calls)
      : rows_(rows),
        bytes_(bytes),
        lines_per_call_(1 + std::ssize(rows) * bytes / (kLine * std::max<int64_t>(1, calls))) {}

  void advance() { advance(lines_per_call_); }
  // Asks for what is left.
  void finish() {
    while (row_ < rows_.size()) advance(64);
  }

 private:
  static constexpr int64_t kLine = 64;
  void advance(int64_t lines) {
    for (; lines > 0 && row_ < rows_.size(); --lines) {
      __builtin_prefetch(rows_[row_] + offset_, 0, 2);
      if ((offset_ += kLine) >= bytes_) {
        offset_ = 0;
        ++row_;
      }
    }
  }

  std::span<std::byte* const> rows_;
  int64_t bytes_ = 0;
  int64_t lines_per_call_ = 0;
  size_t row_ = 0;
  int64_t offset_ = 0;
};

}  // namespace partialfc
