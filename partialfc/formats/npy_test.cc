#include "partialfc/formats/npy.h"

#include <gtest/gtest.h>

#include <numeric>

#include "partialfc/base/test_support.h"

namespace partialfc {
namespace {

std::string npy_bytes(std::string dictionary, const std::string& elements) {
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(dictionary.size() % 256);
  bytes += static_cast<char>(dictionary.size() / 256);
  return bytes + dictionary + elements;
}

TEST(Npy, ExactBytes) {
  const ScratchFolder folder;
  const std::vector<int64_t> labels = {1, -2};
  NpyWriter<int64_t> writer(folder / "a.npy");
  writer.append(labels);
  writer.close();
  std::string dictionary = "{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }";
  dictionary.resize(117, ' ');
  EXPECT_EQ(
      read_text_file(folder / "a.npy"),
      npy_bytes(dictionary + '\n', std::string("\1\0\0\0\0\0\0\0\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 16)));
}

TEST(Npy, RowsAppendedAreRead) {
  const ScratchFolder folder;
  for (const int64_t rows : {0, 1, 5})
    for (const int64_t cols : {0, 1, 7}) {
      Matrix<float> wide(rows, cols + 3);  // rows apart from each other: the stride is not cols
      std::iota(wide.data(), wide.data() + wide.size(), 0.5f);
      const MatrixView<const float> view(wide.data(), rows, cols, cols + 3);
      NpyWriter<float> writer(folder / "m.npy", cols);
      const int64_t half = rows / 2;
      writer.append(view.rows_from(0, half));
      writer.append(view.rows_from(half, rows - half));
      writer.close();

      const auto array = read_npy<float>(folder / "m.npy");
      ASSERT_EQ(array.shape, (std::vector<int64_t>{rows, cols}));
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < cols; ++j) EXPECT_EQ(array.view()(i, j), view(i, j));
    }
}

TEST(Npy, OneDimensionInPieces) {
  const ScratchFolder folder;
  const std::vector<float> values = {1.5f, -2, 3};
  NpyWriter<float> writer(folder / "v.npy");
  writer.append(values);
  writer.append(std::span<const float>());
  writer.append(values);
  writer.close();
  const auto array = read_npy<float>(folder / "v.npy");
  EXPECT_EQ(array.shape, std::vector<int64_t>{6});
  EXPECT_EQ(array.values, (std::vector<float>{1.5f, -2, 3, 1.5f, -2, 3}));
  EXPECT_EQ(array.cols(), 1);
}

TEST(Npy, AnUnfinishedFileIsRefused) {
  const ScratchFolder folder;
  {
    NpyWriter<float> writer(folder / "u.npy", 2);
    writer.append(std::vector<float>{1, 2});
  }
  EXPECT_NE(message_of([&] { read_npy<float>(folder / "u.npy"); }).find("never finished"), std::string::npos);
}

TEST(Npy, ARowOfAnotherLengthIsABug) {
  const ScratchFolder folder;
  NpyWriter<float> writer(folder / "w.npy", 3);
  EXPECT_THROW(writer.append(std::vector<float>{1, 2}), InternalError);
  EXPECT_THROW(writer.append(Matrix<float>(2, 4).view()), InternalError);
}

TEST(Npy, HeadersOfOtherWritersAreRead) {
  const ScratchFolder folder;
  write_file_atomically(folder / "o.npy",
                        npy_bytes("{\"shape\":(1,2),'fortran_order' :False,'descr': \"<f4\"}\n",
                                  std::string("\0\0\x80\x3F\0\0\0\x40", 8)));
  const auto array = read_npy<float>(folder / "o.npy");
  EXPECT_EQ(array.shape, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(array.values, (std::vector<float>{1, 2}));
}

TEST(Npy, WhatIsNotSupportedSaysSo) {
  const ScratchFolder folder;
  const auto message = [&](const std::string& bytes) {
    write_file_atomically(folder / "x.npy", bytes);
    std::string text = message_of([&] { read_npy<float>(folder / "x.npy"); });
    const std::string path = (folder / "x.npy").string() + ": ";
    return text.starts_with(path) ? text.substr(path.size()) : text;
  };
  const auto dictionary = [&](const char* descr, const char* order, const char* shape) {
    return message(
        npy_bytes(fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': {}}}\n", descr, order, shape),
                  "12345678"));
  };
  EXPECT_EQ(dictionary("<f4", "False", "(2,)"), "no error");
  EXPECT_EQ(dictionary("<f8", "False", "(1,)"),
            "elements of type '<f8', need '<f4'; convert them with numpy's astype");
  EXPECT_EQ(dictionary("<f4", "True", "(2, 1)"),
            "column-major, need row-major; convert it with numpy.ascontiguousarray");
  EXPECT_EQ(dictionary("<f4", "False", "()"), "0 dimensions, need 1 or 2");
  EXPECT_EQ(dictionary("<f4", "False", "(1, 1, 2)"), "3 dimensions, need 1 or 2");
  EXPECT_EQ(dictionary("<f4", "False", "(1,)"), "8 bytes of elements, the shape (1) in its header needs 4");
  EXPECT_EQ(dictionary("<f4", "False", "(3, 2)"),
            "8 bytes of elements, the shape (3, 2) in its header needs 24");
  EXPECT_EQ(dictionary("<f4", "False", "(4611686018427387904, 4)"),
            "8 bytes of elements, the shape (4611686018427387904, 4) in its header needs "
            "18446744073709551615");
  for (const char* shape : {"(-1,)", "(9999999999999999999,)", "(2", "2", "(2,), 'shape': (2,)", "(2,) x",
                            "(,)", "(2,), 'more': 1"})
    EXPECT_EQ(dictionary("<f4", "False", shape).find("not a NumPy header: {'descr'"), 0u) << shape;
  EXPECT_EQ(dictionary("<f4", "false", "(2,)").find("not a NumPy header"), 0u);
  EXPECT_EQ(message("").find("not a NumPy array file"), 0u);
  EXPECT_EQ(message(std::string("\x93NUMPY\x02\x00\0\0", 10)), "NumPy format version 2.0, need 1.0");
  EXPECT_EQ(message(std::string("\x93NUMPY\x01\x00\xFF\xFF", 10)).find("wanted 65535 bytes at offset 10"),
            0u);
  EXPECT_EQ(message(npy_bytes("{'descr': '<f4'", "")).find("not a NumPy header"), 0u);
  EXPECT_EQ(message(npy_bytes("{}", "")).find("not a NumPy header"), 0u);
}

}  // namespace
}  // namespace partialfc
