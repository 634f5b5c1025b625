// Sums per channel, in two steps: in float32 over a chunk of rows, a pair of columns at a time in registers, then in
// float64 over the chunks. Included for each instruction set, after highway.h.
#if defined(PARTIALFC_KERNELS_COLUMN_SUMS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PARTIALFC_KERNELS_COLUMN_SUMS_INL_H_
#undef PARTIALFC_KERNELS_COLUMN_SUMS_INL_H_
#else
#define PARTIALFC_KERNELS_COLUMN_SUMS_INL_H_
#endif

#include <algorithm>
#include <vector>

#include "partialfc/kernels/float_pairs-inl.h"

HWY_BEFORE_NAMESPACE();
namespace partialfc::HWY_NAMESPACE {

constexpr int64_t kChunkRows = 64;

template <size_t kSums, class T>
struct ColumnSums {
  explicit ColumnSums(int64_t channels)
      : channels(channels), period(Period(channels)), chunk(kSums * period), total(kSums * period) {}

  // The chunk's sum `k` of the pair at `position`.
  void set(size_t k, int64_t position, Vector first, Vector second) {
    StorePair(first, second, &chunk[k * period + position]);
  }
  // Takes the chunk's sums over the first `count` elements of the period.
  void add_chunk(int64_t count) {
    const int64_t pair = PairSize();
    for (size_t k = 0; k < kSums; ++k) {
      const float* from = &chunk[k * period];
      double* to = &total[k * period];
      const int64_t whole = count / pair * pair;
      for (int64_t i = 0; i < whole; ++i) to[i] += from[i];
      for (int64_t i = 0; i < count - whole; ++i) to[whole + LaneOf<T>(i)] += from[whole + LaneOf<T>(i)];
    }
  }
  void add_to(size_t k, double* sum) const {
    const int64_t pair = PairSize();
    for (int64_t i = 0; i < period; ++i)
      sum[i % channels] += total[k * period + i / pair * pair + LaneOf<T>(i % pair)];
  }

  int64_t channels, period;
  std::vector<float> chunk;
  std::vector<double> total;
};

// Calls column(x, dy, rows, position) for each pair of columns in each chunk of rows; a row is a period long. The last
// elements, fewer than a period, go through padded copies.
template <size_t kSums, class T, class Column>
HWY_INLINE void ForColumns(int64_t count, const T* x, const T* dy, ColumnSums<kSums, T>& sums,
                           Column column) {
  const auto work = [&](const T* x, const T* dy, int64_t rows, int64_t elements) HWY_ATTR {
    for (int64_t i = 0; i < elements; i += PairSize()) column(x + i, dy + i, rows, i);
    sums.add_chunk(elements);
  };
  const int64_t period = sums.period, rows = count / period, rest = count % period;
  for (int64_t row = 0; row < rows; row += kChunkRows)
    work(x + row * period, dy + row * period, std::min(kChunkRows, rows - row), period);
  if (rest == 0) return;
  std::vector<T> padded_x(period), padded_dy(period);
  std::copy_n(x + rows * period, rest, padded_x.data());
  std::copy_n(dy + rows * period, rest, padded_dy.data());
  work(padded_x.data(), padded_dy.data(), 1, rest);
}

}  // namespace partialfc::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // PARTIALFC_KERNELS_COLUMN_SUMS_INL_H_
