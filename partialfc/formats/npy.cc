#include "partialfc/formats/npy.h"

#include <charconv>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

#include "partialfc/base/error.h"
#include "partialfc/formats/shape.h"

namespace partialfc {

namespace {

constexpr std::string_view kMagic("\x93NUMPY", 6);
constexpr size_t kPreambleBytes = 10;  // magic, version, length of the dictionary
constexpr size_t kHeaderBytes = 128;   // of the files written here: room for two 64-bit extents

template <class T>
constexpr const char* kDescr = nullptr;
template <>
constexpr const char* kDescr<float> = "<f4";
template <>
constexpr const char* kDescr<int64_t> = "<i8";

std::string whole_header(const char* descr, const std::string& shape) {
  std::string header(kMagic);
  header += {'\1', '\0', static_cast<char>(kHeaderBytes - kPreambleBytes), '\0'};
  header += fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}", descr, shape);
  PFC_CHECK(header.size() < kHeaderBytes);
  header.resize(kHeaderBytes - 1, ' ');
  return header + '\n';
}

struct Header {
  std::string descr;
  bool fortran_order = false;
  std::vector<int64_t> shape;
};

// Reads the dictionary: three known keys in any order, their values a string, a bool and a tuple of integers.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& path) : text_(text), rest_(text), path_(path) {}

  Header parse() {
    std::optional<std::string> descr;
    std::optional<bool> fortran_order;
    std::optional<std::vector<int64_t>> shape;
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr" && !descr) {
        descr = quoted();
      } else if (key == "fortran_order" && !fortran_order) {
        fortran_order = boolean();
      } else if (key == "shape" && !shape) {
        shape = tuple();
      } else {
        refuse();
      }
      if (!accept(',') && peek() != '}') refuse();
    }
    peek();
    if (!rest_.empty() || !descr || !fortran_order || !shape) refuse();
    return {*descr, *fortran_order, *shape};
  }

 private:
  [[noreturn]] void refuse() const { fail("{}: not a NumPy header: {}", path_, text_.substr(0, 200)); }

  char peek() {
    const size_t start = rest_.find_first_not_of(" \n");
    rest_.remove_prefix(start == std::string_view::npos ? rest_.size() : start);
    return rest_.empty() ? '\0' : rest_[0];
  }
  bool accept(char wanted) {
    if (peek() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char wanted) {
    if (!accept(wanted)) refuse();
  }
  std::string quoted() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') refuse();
    const size_t end = rest_.find(quote, 1);
    if (end == std::string_view::npos) refuse();
    std::string text(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return text;
  }
  bool boolean() {
    peek();
    const bool value = rest_.starts_with("True");
    if (!value && !rest_.starts_with("False")) refuse();
    rest_.remove_prefix(value ? 4 : 5);
    return value;
  }
  std::vector<int64_t> tuple() {
    std::vector<int64_t> extents;
    expect('(');
    while (!accept(')')) {
      peek();
      int64_t extent = -1;
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), extent);
      if (error != std::errc() || extent < 0) refuse();
      rest_.remove_prefix(end - rest_.data());
      extents.push_back(extent);
      if (!accept(',') && peek() != ')') refuse();
    }
    return extents;
  }

  std::string_view text_, rest_;
  const std::string& path_;
};

// Reads the header; `data_begin` is where the elements start.
Header read_header(const InputFile& file, uint64_t& data_begin) {
  const std::string path = file.path().string();
  std::string preamble(kPreambleBytes, '\0');
  if (file.read_at(0, std::as_writable_bytes(std::span(preamble))) < kPreambleBytes ||
      !preamble.starts_with(kMagic))
    fail("{}: not a NumPy array file (or one whose writing was never finished)", path);
  const int major = static_cast<uint8_t>(preamble[6]), minor = static_cast<uint8_t>(preamble[7]);
  if (major != 1 || minor != 0) fail("{}: NumPy format version {}.{}, need 1.0", path, major, minor);
  std::string dictionary(static_cast<uint8_t>(preamble[8]) + 256 * static_cast<uint8_t>(preamble[9]), '\0');
  file.read_exactly(kPreambleBytes, std::as_writable_bytes(std::span(dictionary)));
  data_begin = kPreambleBytes + dictionary.size();
  return HeaderParser(dictionary, path).parse();
}

}  // namespace

template <class T>
NpyWriter<T>::NpyWriter(std::filesystem::path path) : file_(std::move(path)), dimensions_(1), cols_(1) {
  file_.write(std::string(kHeaderBytes, ' '));
}

template <class T>
NpyWriter<T>::NpyWriter(std::filesystem::path path, int64_t cols)
    : file_(std::move(path)), dimensions_(2), cols_(cols) {
  PFC_CHECK(cols >= 0, "cols {}", cols);
  file_.write(std::string(kHeaderBytes, ' '));
}

template <class T>
void NpyWriter<T>::append(std::span<const T> values) {
  const int64_t count = static_cast<int64_t>(values.size());
  PFC_CHECK(dimensions_ == 1 || count == cols_, "a row of {} values, cols {}", count, cols_);
  rows_ += dimensions_ == 1 ? count : 1;
  file_.write(std::as_bytes(values));
}

template <class T>
void NpyWriter<T>::append(MatrixView<const T> rows) {
  PFC_CHECK(dimensions_ == 2, "rows for an array of one dimension");
  for (int64_t i = 0; i < rows.rows; ++i) append(std::span(rows[i], static_cast<size_t>(rows.cols)));
}

template <class T>
void NpyWriter<T>::close() {
  file_.close();
  std::fstream file(file_.path(), std::ios::in | std::ios::out | std::ios::binary);
  file << whole_header(
      kDescr<T>, dimensions_ == 1 ? fmt::format("({},)", rows_) : fmt::format("({}, {})", rows_, cols_));
  file.close();
  if (!file) fail("{}: cannot write the header", file_.path().string());
}

template <class T>
NpyArray<T> read_npy(const std::filesystem::path& path) {
  const InputFile file(path);
  uint64_t data_begin = 0;
  const Header header = read_header(file, data_begin);
  if (header.descr != kDescr<T>)
    fail("{}: elements of type '{}', need '{}'; convert them with numpy's astype", path.string(),
         header.descr, kDescr<T>);
  if (header.fortran_order)
    fail("{}: column-major, need row-major; convert it with numpy.ascontiguousarray", path.string());
  if (header.shape.size() != 1 && header.shape.size() != 2)
    fail("{}: {} dimensions, need 1 or 2", path.string(), header.shape.size());

  const uint64_t present = file.size() - data_begin;
  const uint64_t wanted = shape_bytes(header.shape, sizeof(T));
  if (wanted != present)
    fail("{}: {} bytes of elements, the shape {} in its header needs {}", path.string(), present,
         shape_text(header.shape), wanted);

  NpyArray<T> array{header.shape, std::vector<T>(present / sizeof(T))};
  file.read_exactly(data_begin, std::as_writable_bytes(std::span(array.values)));
  return array;
}

template class NpyWriter<float>;
template class NpyWriter<int64_t>;
template NpyArray<float> read_npy(const std::filesystem::path&);
template NpyArray<int64_t> read_npy(const std::filesystem::path&);

}  // namespace partialfc
