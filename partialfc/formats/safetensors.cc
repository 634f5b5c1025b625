#include "partialfc/formats/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <set>
#include <tuple>
#include <utility>

#include "partialfc/formats/json.h"
#include "partialfc/formats/shape.h"

namespace partialfc {

namespace {

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // the limit of the format's own implementation
constexpr uint64_t kDataAlignment = 64;
constexpr const char* kMetadataKey = "__metadata__";

struct TypeFacts {
  TensorType type;
  const char* name;
  int64_t bytes;
};
// In the order of TensorType, which is from the widest to the narrowest.
constexpr std::array<TypeFacts, 13> kTypes = {{
    {TensorType::kF64, "F64", 8},
    {TensorType::kI64, "I64", 8},
    {TensorType::kU64, "U64", 8},
    {TensorType::kF32, "F32", 4},
    {TensorType::kI32, "I32", 4},
    {TensorType::kU32, "U32", 4},
    {TensorType::kF16, "F16", 2},
    {TensorType::kBF16, "BF16", 2},
    {TensorType::kI16, "I16", 2},
    {TensorType::kU16, "U16", 2},
    {TensorType::kI8, "I8", 1},
    {TensorType::kU8, "U8", 1},
    {TensorType::kBool, "BOOL", 1},
}};

const TypeFacts& facts_of(TensorType type) {
  const TypeFacts& facts = kTypes[static_cast<size_t>(type)];
  PFC_CHECK(facts.type == type);
  return facts;
}

TensorType parse_type(const std::string& name, const std::string& where) {
  const auto facts = std::ranges::find_if(kTypes, [&](const TypeFacts& t) { return t.name == name; });
  if (facts == kTypes.end()) fail("{}: unknown dtype \"{}\"", where, name);
  return facts->type;
}

// The whole numbers >= 0 of a JSON array.
std::vector<int64_t> parse_counts(const nlohmann::json& field, const char* key, const std::string& where) {
  const auto is_count = [](const nlohmann::json& n) {
    return n.is_number_unsigned() && n.get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX);
  };
  if (!field.is_array() || !std::ranges::all_of(field, is_count))
    fail("{}: \"{}\" is {}, not an array of whole numbers", where, key, field.dump());
  return field.get<std::vector<int64_t>>();
}

TensorInfo parse_tensor(const std::string& name, const nlohmann::json& entry, const std::string& path) {
  const std::string where = fmt::format("{}: tensor \"{}\"", path, name);
  TensorInfo tensor{name, parse_type(json_string(entry, "dtype", where), where)};
  tensor.shape = parse_counts(json_field(entry, "shape", where), "shape", where);
  const std::vector<int64_t> offsets =
      parse_counts(json_field(entry, "data_offsets", where), "data_offsets", where);
  if (offsets.size() != 2 || offsets[0] > offsets[1])
    fail("{}: data_offsets {}, need (begin, end)", where, shape_text(offsets));
  tensor.begin = static_cast<uint64_t>(offsets[0]);
  tensor.bytes = static_cast<uint64_t>(offsets[1] - offsets[0]);
  const uint64_t wanted = shape_bytes(tensor.shape, bytes_per_element(tensor.type));
  if (wanted != tensor.bytes)
    fail("{}: data_offsets {} hold {} bytes, {} of shape {} needs {}", where, shape_text(offsets),
         tensor.bytes, name_of(tensor.type), shape_text(tensor.shape), wanted);
  return tensor;
}

TensorMetadata parse_metadata(const nlohmann::json& object, const std::string& path) {
  const std::string where = path + ": " + kMetadataKey;
  if (!object.is_object()) fail("{} is of type {}, not an object", where, object.type_name());
  TensorMetadata metadata;
  for (const auto& [key, value] : object.items()) metadata[key] = json_string(object, key.c_str(), where);
  return metadata;
}

// Tensors, in the order of their data, have to cover it without gaps or overlaps.
void check_coverage(const std::vector<TensorInfo>& tensors, uint64_t data_bytes, const std::string& path) {
  uint64_t end = 0;
  for (const TensorInfo& tensor : tensors) {
    if (tensor.begin < end)
      fail("{}: tensor \"{}\" begins at byte {} of the data, inside the one before it, which ends at {}",
           path, tensor.name, tensor.begin, end);
    if (tensor.begin > end)
      fail("{}: bytes {} to {} of the data, before tensor \"{}\", belong to no tensor", path, end,
           tensor.begin, tensor.name);
    end += tensor.bytes;
    if (end > data_bytes)
      fail("{}: tensor \"{}\" ends at byte {} of the data, of which the file has {}; it is cut short", path,
           tensor.name, end, data_bytes);
  }
  if (end < data_bytes)
    fail("{}: {} bytes of data, its tensors have {}; it does not end where it should", path, data_bytes, end);
}

uint64_t header_length(const InputFile& file) {
  std::array<uint8_t, kLengthBytes> raw{};
  file.read_exactly(0, std::as_writable_bytes(std::span(raw)));
  uint64_t length = 0;
  for (size_t i = 0; i < raw.size(); ++i) length |= static_cast<uint64_t>(raw[i]) << (8 * i);
  const std::string path = file.path().string();
  if (length > kMaxHeaderBytes)
    fail("{}: a header of {} bytes, the limit is {}; not a safetensors file?", path, length, kMaxHeaderBytes);
  if (length > file.size() - kLengthBytes)
    fail("{}: a header of {} bytes, the file has {} after its length; it is cut short", path, length,
         file.size() - kLengthBytes);
  return length;
}

// The tensors in the order of their data, with begin and bytes set.
std::vector<TensorInfo> laid_out(std::vector<TensorInfo> tensors, const std::filesystem::path& path) {
  std::ranges::stable_sort(tensors, std::greater(),
                           [](const TensorInfo& tensor) { return bytes_per_element(tensor.type); });
  std::set<std::string_view> names = {kMetadataKey};
  uint64_t end = 0;
  for (TensorInfo& tensor : tensors) {
    if (!names.insert(tensor.name).second)
      fail("{}: cannot write two tensors named \"{}\", or one named {}", path.string(), tensor.name,
           kMetadataKey);
    tensor.begin = end;
    tensor.bytes = shape_bytes(tensor.shape, bytes_per_element(tensor.type));
    PFC_CHECK(!__builtin_add_overflow(end, tensor.bytes, &end) && end <= uint64_t{INT64_MAX},
              "tensor {}: shape {}", tensor.name, shape_text(tensor.shape));
  }
  return tensors;
}

std::string header_text(const std::vector<TensorInfo>& tensors, const TensorMetadata& metadata,
                        const std::string& path) {
  nlohmann::json header = nlohmann::json::object();
  if (!metadata.empty()) header[kMetadataKey] = metadata;
  for (const TensorInfo& tensor : tensors) {
    header[tensor.name] = {{"dtype", name_of(tensor.type)},
                           {"shape", tensor.shape},
                           {"data_offsets", {tensor.begin, tensor.begin + tensor.bytes}}};
  }
  std::string text = json_text(header, -1, path);
  text.append((kDataAlignment - (kLengthBytes + text.size()) % kDataAlignment) % kDataAlignment, ' ');
  if (text.size() > kMaxHeaderBytes)
    fail("{}: a header of {} bytes, the limit is {}; write fewer tensors to a file", path, text.size(),
         kMaxHeaderBytes);
  return text;
}

}  // namespace

const char* name_of(TensorType type) { return facts_of(type).name; }
int64_t bytes_per_element(TensorType type) { return facts_of(type).bytes; }

SafetensorsFile::SafetensorsFile(std::filesystem::path path) : file_(std::move(path)) {
  std::string text(header_length(file_), '\0');
  file_.read_exactly(kLengthBytes, std::as_writable_bytes(std::span(text)));
  data_begin_ = kLengthBytes + text.size();
  parse_header(text, file_.size() - data_begin_);
}

void SafetensorsFile::parse_header(const std::string& text, uint64_t data_bytes) {
  const std::string path = file_.path().string();
  const nlohmann::json header = parse_json(text, path);
  if (!header.is_object()) fail("{}: the header is a JSON {}, not an object", path, header.type_name());
  for (const auto& [name, entry] : header.items()) {
    if (name == kMetadataKey) {
      metadata_ = parse_metadata(entry, path);
    } else {
      tensors_.push_back(parse_tensor(name, entry, path));
    }
  }
  std::ranges::sort(tensors_, {}, [](const TensorInfo& t) { return std::tie(t.begin, t.bytes, t.name); });
  check_coverage(tensors_, data_bytes, path);
  for (size_t i = 0; i < tensors_.size(); ++i) index_[tensors_[i].name] = i;
}

const TensorInfo* SafetensorsFile::find(std::string_view name) const {
  const auto entry = index_.find(name);
  return entry == index_.end() ? nullptr : &tensors_[entry->second];
}

const TensorInfo& SafetensorsFile::at(std::string_view name) const {
  const TensorInfo* tensor = find(name);
  if (tensor == nullptr)
    fail("{}: there is no tensor \"{}\" among its {}", path().string(), name, tensors_.size());
  return *tensor;
}

void SafetensorsFile::read(const TensorInfo& tensor, uint64_t offset, std::span<std::byte> out) const {
  PFC_CHECK(offset <= tensor.bytes && out.size() <= tensor.bytes - offset,
            "{} bytes at {} of tensor {}, which has {}", out.size(), offset, tensor.name, tensor.bytes);
  file_.read_exactly(data_begin_ + tensor.begin + offset, out);
}

SafetensorsWriter::SafetensorsWriter(std::filesystem::path path, std::vector<TensorInfo> tensors,
                                     const TensorMetadata& metadata)
    : tensors_(laid_out(std::move(tensors), path)), file_(std::move(path)) {
  const std::string header = header_text(tensors_, metadata, file_.path().string());
  std::array<uint8_t, kLengthBytes> length{};
  for (size_t i = 0; i < length.size(); ++i) length[i] = static_cast<uint8_t>(header.size() >> (8 * i));
  write(std::as_bytes(std::span(length)));
  write(std::as_bytes(std::span(header)));
  skip_complete();
}

void SafetensorsWriter::write(std::span<const std::byte> bytes) {
  file_.write(bytes);
  checksum_.update(bytes);
}

void SafetensorsWriter::skip_complete() {
  while (current_ < tensors_.size() && written_ == tensors_[current_].bytes) {
    ++current_;
    written_ = 0;
  }
}

void SafetensorsWriter::append(std::string_view name, std::span<const std::byte> data) {
  if (data.empty()) return;  // tensors without elements need no call, and allow one at any time
  PFC_CHECK(current_ < tensors_.size(), "data for tensor {} after the last", name);
  const TensorInfo& tensor = tensors_[current_];
  PFC_CHECK(tensor.name == name && data.size() <= tensor.bytes - written_,
            "{} bytes for tensor {}, due are {} bytes for tensor {}", data.size(), name,
            tensor.bytes - written_, tensor.name);
  write(data);
  written_ += data.size();
  skip_complete();
}

void SafetensorsWriter::close() {
  PFC_CHECK(current_ == tensors_.size(), "tensor {} has {} bytes of {}", tensors_[current_].name, written_,
            tensors_[current_].bytes);
  file_.close();
}

}  // namespace partialfc
