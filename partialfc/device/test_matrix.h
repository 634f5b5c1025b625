// Matrices for tests of kernels: on the device with margins around them that no kernel may touch, and on the host. Margins
// and what rows have past their columns are NaN where numbers can be, so that who reads it shows as well. Under
// AddressSanitizer nothing comes behind: it sees who steps over the end, if only to read.
#pragma once

#include <algorithm>
#include <cstring>

#include "partialfc/base/matrix.h"
#include "partialfc/base/precision.h"
#include "partialfc/base/random.h"
#include "partialfc/device/test_device.h"

namespace partialfc {

// A matrix (rows, cols) of device memory whose first element lies `offset` elements past a multiple of 256 bytes.
template <class T>
class TestMatrix {
 public:
  TestMatrix(int64_t rows, int64_t cols, int64_t stride, int64_t offset = 0)
      : first_(kMargin + offset), rows_(rows), cols_(cols), stride_(stride) {
    host_.resize(static_cast<size_t>(first_ + rows * stride + kLastMargin));
    std::memset(static_cast<void*>(host_.data()), std::is_integral_v<T> ? 0x5a : 0xff,
                host_.size() * sizeof(T));
    device_ = to_device(host_);
  }
  TestMatrix(int64_t rows, int64_t cols) : TestMatrix(rows, cols, cols) {}
  TestMatrix(const Matrix<T>& values, int64_t stride, int64_t offset = 0)
      : TestMatrix(values.rows(), values.cols(), stride, offset) {
    write(values);
  }
  explicit TestMatrix(const Matrix<T>& values) : TestMatrix(values, values.cols()) {}
  explicit TestMatrix(const std::vector<T>& values, int64_t offset = 0)
      : TestMatrix(1, std::ssize(values), std::ssize(values), offset) {
    std::ranges::copy(values, &host_[first_]);
    device_ = to_device(host_);
  }

  DeviceMatrix<T> view() const { return {device_.span().address + first_, rows_, cols_, stride_}; }
  DeviceSpan<T> span() const { return {device_.span().address + first_, rows_ * stride_}; }

  void write(const Matrix<T>& values) {
    for (int64_t i = 0; i < rows_; ++i) std::copy_n(values[i], cols_, &host_[first_ + i * stride_]);
    device_ = to_device(host_);
  }
  // The first `cols` columns of each row. All else must be as it was.
  Matrix<T> read(int64_t cols) const {
    Stream stream;
    const std::vector<T> now = to_host(device_.span(), stream);
    Matrix<T> values(rows_, cols);
    for (int64_t i = 0; i < std::ssize(now); ++i) {
      const int64_t place = i - first_;
      if (place >= 0 && place < rows_ * stride_ && place % stride_ < cols)
        values(place / stride_, place % stride_) = now[i];
      else if (std::memcmp(&now[i], &host_[i], sizeof(T)) != 0)
        ADD_FAILURE() << "a kernel wrote to element " << place << " of (" << rows_ << ", " << cols
                      << "), rows " << stride_ << " apart";
    }
    return values;
  }
  Matrix<T> read() const { return read(cols_); }
  std::vector<T> values() const {
    const Matrix<T> all = read();
    return {all.data(), all.data() + all.size()};
  }

 private:
  static constexpr int64_t kMargin = 64;  // a multiple of 16 bytes for every T
#if defined(__SANITIZE_ADDRESS__)
  static constexpr int64_t kLastMargin = 0;
#else
  static constexpr int64_t kLastMargin = kMargin;
#endif

  int64_t first_, rows_, cols_, stride_;
  std::vector<T> host_;
  DeviceBuffer<T> device_;
};

template <class T>
T number_as(float x) {
  if constexpr (std::is_same_v<T, float>)
    return x;
  else
    return to_bfloat16(x);
}

// (rows, cols) uniform in (−1, 1).
template <class T>
Matrix<T> random_matrix(int64_t rows, int64_t cols, uint64_t seed) {
  Matrix<T> values(rows, cols);
  RandomStream random(seed, Purpose::kSyntheticData);
  for (int64_t i = 0; i < values.size(); ++i)
    values.data()[i] = number_as<T>(static_cast<float>(random.uniform(-1, 1)));
  return values;
}

template <class T>
std::vector<double> in_float64(const T* values, int64_t n) {
  std::vector<double> out;
  for (int64_t i = 0; i < n; ++i) out.push_back(to_float(values[i]));
  return out;
}

inline bool operator==(BFloat16 a, BFloat16 b) { return a.bits == b.bits; }

}  // namespace partialfc
