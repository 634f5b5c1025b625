// Named tensors in one file, the safetensors format:
//     uint64 n | n bytes of JSON | data
// with all numbers little-endian. The JSON maps each name to {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin,
// end]}, offsets counted from the start of the data, and "__metadata__" to an object of strings. Tensors cover the data
// without gaps or overlaps, each row-major.
//
// Files written here pad the JSON with spaces so that the data starts at a multiple of 64 bytes, and lay tensors out from
// the widest element type to the narrowest: each lies aligned to its element, and can be mapped.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "partialfc/base/error.h"
#include "partialfc/base/file.h"
#include "partialfc/formats/checksum.h"

namespace partialfc {

enum class TensorType { kF64, kI64, kU64, kF32, kI32, kU32, kF16, kBF16, kI16, kU16, kI8, kU8, kBool };

const char* name_of(TensorType type);  // "F32", …
int64_t bytes_per_element(TensorType type);

struct TensorInfo {
  std::string name;
  TensorType type = TensorType::kF32;
  std::vector<int64_t> shape;  // any rank; () is a scalar
  uint64_t begin = 0;          // bytes from the start of the data; set by the writer, read by the file
  uint64_t bytes = 0;          // likewise
};

using TensorMetadata = std::map<std::string, std::string>;

// A file open for reading; tensors are read one by one. Its header is checked whole when it is opened.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(std::filesystem::path path);

  const std::filesystem::path& path() const { return file_.path(); }
  const std::vector<TensorInfo>& tensors() const { return tensors_; }  // in the order of their data
  const TensorMetadata& metadata() const { return metadata_; }

  const TensorInfo* find(std::string_view name) const;  // null where there is none
  const TensorInfo& at(std::string_view name) const;    // Error where there is none

  // Reads out.size() bytes of the tensor, from `offset` bytes into it.
  void read(const TensorInfo& tensor, uint64_t offset, std::span<std::byte> out) const;
  // Reads the elements of tensor `name`, which has to be of type T: float (F32), double (F64), int32_t (I32),
  // int64_t (I64), uint8_t (U8) or uint16_t (BF16, raw).
  template <class T>
  std::vector<T> read(std::string_view name) const;

 private:
  void parse_header(const std::string& text, uint64_t data_bytes);

  InputFile file_;
  std::vector<TensorInfo> tensors_;
  std::map<std::string, size_t, std::less<>> index_;  // name -> place in tensors_
  TensorMetadata metadata_;
  uint64_t data_begin_ = 0;
};

// Writes a file front to back: names, types and shapes first, then the data of each tensor in pieces of any size.
//
//     SafetensorsWriter writer(path, tensors, metadata);
//     for (const TensorInfo& t : writer.tensors()) writer.append(t.name, data_of(t.name));
//     writer.close();
class SafetensorsWriter {
 public:
  // Two tensors of one name are an Error. `begin` and `bytes` are ignored.
  SafetensorsWriter(std::filesystem::path path, std::vector<TensorInfo> tensors,
                    const TensorMetadata& metadata = {});

  // In the order in which their data is due.
  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  // `name` has to be the first tensor whose data is not complete.
  void append(std::string_view name, std::span<const std::byte> data);
  void close();  // all data has to be there
  // Of the file that was closed.
  std::string checksum() const { return checksum_.hex(); }

 private:
  void write(std::span<const std::byte> bytes);
  void skip_complete();

  std::vector<TensorInfo> tensors_;
  OutputFile file_;
  Checksum checksum_;
  size_t current_ = 0;    // in tensors_
  uint64_t written_ = 0;  // bytes of tensors_[current_]
};

// The type of tensors that are read into elements of type T.
template <class T>
constexpr TensorType tensor_type_of() {
  if constexpr (std::is_same_v<T, double>) {
    return TensorType::kF64;
  } else if constexpr (std::is_same_v<T, int64_t>) {
    return TensorType::kI64;
  } else if constexpr (std::is_same_v<T, float>) {
    return TensorType::kF32;
  } else if constexpr (std::is_same_v<T, int32_t>) {
    return TensorType::kI32;
  } else if constexpr (std::is_same_v<T, uint16_t>) {
    return TensorType::kBF16;
  } else {
    static_assert(std::is_same_v<T, uint8_t>, "read other types as bytes");
    return TensorType::kU8;
  }
}

template <class T>
std::vector<T> SafetensorsFile::read(std::string_view name) const {
  const TensorInfo& tensor = at(name);
  if (tensor.type != tensor_type_of<T>())
    fail("{}: tensor \"{}\" is {}, need {}", path().string(), name, name_of(tensor.type),
         name_of(tensor_type_of<T>()));
  std::vector<T> values(tensor.bytes / sizeof(T));
  read(tensor, 0, std::as_writable_bytes(std::span(values)));
  return values;
}

}  // namespace partialfc
