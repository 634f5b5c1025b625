// Views of row-major matrices. A view owns nothing; `m[i]` is row i, `m(i, j)` an element.
#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

#include "partialfc/base/error.h"

namespace partialfc {

template <class T>
struct MatrixView {
  T* data = nullptr;  // (rows, cols), row i at data + i * stride
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t stride = 0;  // in elements, >= cols

  MatrixView() = default;
  MatrixView(T* data, int64_t rows, int64_t cols) : MatrixView(data, rows, cols, cols) {}
  MatrixView(T* data, int64_t rows, int64_t cols, int64_t stride)
      : data(data), rows(rows), cols(cols), stride(stride) {}
  // A view of T is a view of const T.
  template <class U>
  requires(std::is_same_v<T, const U>) MatrixView(MatrixView<U> other)  // NOLINT
      : MatrixView(other.data, other.rows, other.cols, other.stride) {}

  T* operator[](int64_t row) const { return data + row * stride; }
  T& operator()(int64_t row, int64_t col) const { return data[row * stride + col]; }
  MatrixView rows_from(int64_t first, int64_t count) const {
    PFC_CHECK(first >= 0 && count >= 0 && first + count <= rows);
    return {data + first * stride, count, cols, stride};
  }
};

// A matrix that owns its elements, zero at first.
template <class T>
class Matrix {
 public:
  Matrix() = default;
  Matrix(int64_t rows, int64_t cols) { resize(rows, cols); }

  // Contents after a resize are unspecified.
  void resize(int64_t rows, int64_t cols) {
    rows_ = rows;
    cols_ = cols;
    elements_.resize(static_cast<size_t>(rows * cols));
  }
  void fill(T value) { elements_.assign(elements_.size(), value); }

  T* data() { return elements_.data(); }
  const T* data() const { return elements_.data(); }
  int64_t rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  int64_t size() const { return rows_ * cols_; }
  T* operator[](int64_t row) { return data() + row * cols_; }
  const T* operator[](int64_t row) const { return data() + row * cols_; }
  T& operator()(int64_t row, int64_t col) { return elements_[row * cols_ + col]; }
  const T& operator()(int64_t row, int64_t col) const { return elements_[row * cols_ + col]; }

  MatrixView<T> view() { return {data(), rows_, cols_}; }
  MatrixView<const T> view() const { return {data(), rows_, cols_}; }

 private:
  int64_t rows_ = 0;
  int64_t cols_ = 0;
  std::vector<T> elements_;
};

}  // namespace partialfc
