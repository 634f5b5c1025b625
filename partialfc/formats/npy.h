// NumPy's array file, format version 1.0: the bytes "\x93NUMPY", 1, 0, a uint16 length, then a Python
// dictionary
//     {'descr': '<f4', 'fortran_order': False, 'shape': (rows, cols), }
// padded with spaces to a multiple of 64 bytes and ended by a newline, then the elements, row-major,
// little-endian.
//
// T is float ('<f4') or int64_t ('<i8'); arrays have one or two dimensions.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "partialfc/base/file.h"
#include "partialfc/base/matrix.h"

namespace partialfc {

// Writes an array row by row; how many rows there are is said only at close(), so it may be larger than
// memory. Until then the header is blank: no reader takes an unfinished file for a whole one.
template <class T>
class NpyWriter {
 public:
  explicit NpyWriter(std::filesystem::path path);       // one dimension
  NpyWriter(std::filesystem::path path, int64_t cols);  // two dimensions, cols >= 0

  void append(std::span<const T> values);  // one dimension: any number; two: one row, (cols)
  void append(MatrixView<const T> rows);   // (any, cols)
  void close();

 private:
  OutputFile file_;
  int dimensions_;
  int64_t rows_ = 0;
  int64_t cols_;
};

template <class T>
struct NpyArray {
  std::vector<int64_t> shape;  // (n) or (rows, cols)
  std::vector<T> values;       // row-major

  int64_t rows() const { return shape[0]; }
  int64_t cols() const { return shape.size() == 2 ? shape[1] : 1; }
  MatrixView<const T> view() const { return {values.data(), rows(), cols()}; }
};

// Reads an array whole. Another element type, byte order, order of dimensions or number of them, and a file
// that is shorter or longer than its header says, are Errors.
template <class T>
NpyArray<T> read_npy(const std::filesystem::path& path);

}  // namespace partialfc
