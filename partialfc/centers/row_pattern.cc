#include "partialfc/centers/row_pattern.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <vector>

#include "partialfc/base/error.h"
#include "partialfc/base/parallel.h"
#include "partialfc/base/random.h"

namespace partialfc {

namespace {

// `count` of 0 … rows − 1, distinct, rising, uniform.
std::vector<int64_t> draw_rows(int64_t rows, int64_t count, uint64_t seed) {
  const RandomPermutation permutation(rows, seed);
  std::vector<int64_t> drawn(count);
  for (int64_t i = 0; i < count; ++i) drawn[i] = permutation(i);
  std::sort(drawn.begin(), drawn.end());
  return drawn;
}

}  // namespace

RowPattern::RowPattern(const std::filesystem::path& folder, int64_t file_bytes, int64_t record_bytes)
    : file_(folder) {
  PFC_CHECK(record_bytes > 0);
  stride_ = aligned_record_bytes(record_bytes, file_.alignment());
  rows_ = file_bytes / stride_;
  PFC_CHECK(rows_ > 0, "a file of {} bytes for rows of {}", file_bytes, stride_);
  file_.grow(rows_ * stride_);
  constexpr int64_t kPieceRows = 256;
  constexpr int kThreads = 4;
  const ReservedMemory noise(kPieceRows * stride_, ReservedMemory::Pages::kHuge);
  RandomStream random(0, Purpose::kSyntheticData);
  for (int64_t i = 0; i < kPieceRows * stride_ / 8; ++i) noise.as<uint64_t>()[i] = random.next_u64();
  ThreadTeam(kThreads).for_each_part(0, rows_, [&](int, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row += kPieceRows) {
      iovec piece = {noise.data(), static_cast<size_t>(std::min(kPieceRows, end - row) * stride_)};
      file_.write(row * stride_, std::span(&piece, 1));
    }
  });
}

double RowPattern::seconds(int64_t rows, int depth, uint64_t seed) const {
  PFC_CHECK(rows > 0 && rows <= rows_, "{} rows of a file of {}", rows, rows_);
  const std::vector<int64_t> drawn = draw_rows(rows_, rows, seed);
  std::vector<Range> runs;  // adjacent rows
  for (const int64_t row : drawn) {
    if (!runs.empty() && runs.back().last == row && runs.back().size() < kMostRowsOfTransfer)
      ++runs.back().last;
    else
      runs.push_back({row, row + 1});
  }
  ThreadTeam team(depth);
  const int64_t space = kMostRowsOfTransfer * stride_;
  const ReservedMemory buffers(depth * space, ReservedMemory::Pages::kHuge);
  std::atomic<size_t> next{0};
  const auto begin = std::chrono::steady_clock::now();
  team.run([&](int thread) {
    for (size_t i; (i = next.fetch_add(1)) < runs.size();) {
      const iovec whole = {buffers.data() + thread * space, static_cast<size_t>(runs[i].size() * stride_)};
      iovec read = whole, write = whole;
      file_.read(runs[i].first * stride_, std::span(&read, 1));
      file_.write(runs[i].first * stride_, std::span(&write, 1));
    }
  });
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace partialfc
