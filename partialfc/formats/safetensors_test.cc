#include "partialfc/formats/safetensors.h"

#include <gtest/gtest.h>

#include <numeric>

#include "partialfc/base/test_support.h"

namespace partialfc {
namespace {

std::string file_bytes(const std::string& header, const std::string& data) {
  std::string bytes(8, '\0');
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<char>(header.size() >> (8 * i));
  return bytes + header + data;
}

TEST(Safetensors, ExactBytes) {
  const ScratchFolder folder;
  SafetensorsWriter writer(folder / "t", {{"b", TensorType::kU8, {3}}, {"a", TensorType::kBF16, {2, 1}}},
                           {{"format", "pt"}});
  ASSERT_EQ(writer.tensors()[0].name, "a");  // the wider type first
  const std::vector<uint16_t> a = {0x3F80, 0xC000};
  writer.append("a", std::as_bytes(std::span(a)));
  writer.append("b", std::as_bytes(std::span("xyz", 3)));
  writer.close();
  std::string header =
      R"({"__metadata__":{"format":"pt"},"a":{"data_offsets":[0,4],"dtype":"BF16","shape":[2,1]},)"
      R"("b":{"data_offsets":[4,7],"dtype":"U8","shape":[3]}})";
  header.resize(184, ' ');  // 8 + 184 = 3 · 64
  EXPECT_EQ(read_text_file(folder / "t"), file_bytes(header, std::string("\x80\x3F\x00\xC0xyz", 7)));
}

TEST(Safetensors, EveryTypeAndRankComesBack) {
  const ScratchFolder folder;
  const std::vector<TensorInfo> wanted = {
      {"scalar", TensorType::kF32, {}},
      {"empty", TensorType::kI64, {0, 5}},
      {"f64", TensorType::kF64, {1}},
      {"i64", TensorType::kI64, {2, 1, 3, 1, 1}},
      {"u64", TensorType::kU64, {2}},
      {"i32", TensorType::kI32, {3}},
      {"u32", TensorType::kU32, {1, 1}},
      {"f16", TensorType::kF16, {5}},
      {"bf16", TensorType::kBF16, {3, 7}},
      {"i16", TensorType::kI16, {1}},
      {"u16", TensorType::kU16, {3}},
      {"i8", TensorType::kI8, {1}},
      {"u8", TensorType::kU8, {11}},
      {"bool", TensorType::kBool, {2}},
      {"layer1.0.bn1 \"é\"", TensorType::kF32, {4}},
  };
  SafetensorsWriter writer(folder / "all", wanted);
  uint8_t next = 0;
  for (const TensorInfo& tensor : writer.tensors()) {
    EXPECT_EQ(tensor.begin % bytes_per_element(tensor.type), 0u) << tensor.name;
    for (uint64_t i = 0; i < tensor.bytes; ++i)
      writer.append(tensor.name, bytes_of(next++));  // piece by piece
  }
  writer.close();
  EXPECT_EQ(writer.checksum(), checksum_of_file(folder / "all"));

  const SafetensorsFile file(folder / "all");
  EXPECT_EQ(file.tensors().size(), wanted.size());
  EXPECT_TRUE(file.metadata().empty());
  for (const TensorInfo& tensor : wanted) {
    const TensorInfo& found = file.at(tensor.name);
    EXPECT_EQ(found.type, tensor.type);
    EXPECT_EQ(found.shape, tensor.shape);
    std::vector<uint8_t> data(found.bytes), expected(found.bytes);
    std::iota(expected.begin(), expected.end(), static_cast<uint8_t>(found.begin));
    file.read(found, 0, std::as_writable_bytes(std::span(data)));
    EXPECT_EQ(data, expected) << tensor.name;
  }
}

TEST(Safetensors, TypedAndPartialReads) {
  const ScratchFolder folder;
  const std::vector<float> weights = {1, 2, 3, 4, 5, 6};
  const std::vector<int64_t> steps = {-7};
  SafetensorsWriter writer(folder / "f", {{"w", TensorType::kF32, {3, 2}}, {"s", TensorType::kI64, {}}});
  writer.append("s", std::as_bytes(std::span(steps)));
  writer.append("w", std::as_bytes(std::span(weights)));
  writer.close();
  const SafetensorsFile file(folder / "f");
  EXPECT_EQ(file.read<float>("w"), weights);
  EXPECT_EQ(file.read<int64_t>("s"), steps);
  std::vector<float> row(2);
  file.read(file.at("w"), 16, std::as_writable_bytes(std::span(row)));
  EXPECT_EQ(row, (std::vector<float>{5, 6}));
  EXPECT_THROW(file.read(file.at("w"), 20, std::as_writable_bytes(std::span(row))), InternalError);
  EXPECT_THROW(file.read(file.at("w"), UINT64_MAX, std::as_writable_bytes(std::span(row))), InternalError);
  EXPECT_EQ(file.find("x"), nullptr);
  EXPECT_EQ(message_of([&] { file.at("x"); }),
            (folder / "f").string() + ": there is no tensor \"x\" among its 2");
  EXPECT_EQ(message_of([&] { file.read<uint16_t>("w"); }),
            (folder / "f").string() + ": tensor \"w\" is F32, need BF16");
}

TEST(Safetensors, NoTensorsAtAll) {
  const ScratchFolder folder;
  SafetensorsWriter(folder / "n", {}, {{"k", "v"}}).close();
  const SafetensorsFile file(folder / "n");
  EXPECT_TRUE(file.tensors().empty());
  EXPECT_EQ(file.metadata(), (TensorMetadata{{"k", "v"}}));
}

TEST(Safetensors, TheWriterChecksItsCaller) {
  const ScratchFolder folder;
  write_file_atomically(folder / "old", "kept");
  const auto refused = [&](std::vector<TensorInfo> tensors) {
    return message_of([&] { SafetensorsWriter(folder / "old", std::move(tensors)); });
  };
  EXPECT_NE(refused({{"a"}, {"a"}}).find("two tensors named \"a\""), std::string::npos);
  EXPECT_NE(refused({{"__metadata__"}}).find("named __metadata__"), std::string::npos);
  EXPECT_EQ(read_text_file(folder / "old"), "kept");

  SafetensorsWriter writer(folder / "w", {{"a", TensorType::kU8, {2}}, {"b", TensorType::kU8, {1}}});
  const auto bytes = std::as_bytes(std::span("xyz", 3));
  EXPECT_THROW(writer.append("b", bytes.first(1)), InternalError);
  EXPECT_THROW(writer.append("a", bytes), InternalError);
  writer.append("a", bytes.first(2));
  EXPECT_THROW(writer.close(), InternalError);
  writer.append("b", bytes.first(1));
  EXPECT_THROW(writer.append("b", bytes.first(1)), InternalError);
  writer.close();
}

TEST(Safetensors, DamagedFilesSayWhatIsWrong) {
  const ScratchFolder folder;
  const auto message = [&](const std::string& bytes) {
    write_file_atomically(folder / "x", bytes);
    const std::string text = message_of([&] { SafetensorsFile file(folder / "x"); });
    const std::string path = (folder / "x").string() + ": ";
    return text.starts_with(path) ? text.substr(path.size()) : text;
  };
  const auto header = [&](const std::string& text) { return message(file_bytes(text, "12345678")); };

  EXPECT_EQ(header(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"extra":1}}   )"), "no error");
  EXPECT_EQ(message("1234"), "wanted 8 bytes at offset 0, the file ends after 4; it is cut short");
  EXPECT_EQ(message(file_bytes(std::string(50, ' '), "").substr(0, 40)),
            "a header of 50 bytes, the file has 32 after its length; it is cut short");
  EXPECT_EQ(message(std::string(16, '\xFF')),
            "a header of 18446744073709551615 bytes, the limit is 100000000; not a safetensors file?");
  EXPECT_EQ(header("{").find("not valid JSON"), 0u);
  EXPECT_EQ(header("[]"), "the header is a JSON array, not an object");
  EXPECT_EQ(header(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"a":{}})"),
            "the key \"a\" is there twice");
  EXPECT_EQ(header(R"({"a":[]})"), "tensor \"a\": expected a JSON object, found array");
  EXPECT_EQ(header(R"({"a":{"shape":[8],"data_offsets":[0,8]}})"),
            "tensor \"a\": the key \"dtype\" is missing");
  EXPECT_EQ(header(R"({"a":{"dtype":"F8","shape":[8],"data_offsets":[0,8]}})"),
            "tensor \"a\": unknown dtype \"F8\"");
  EXPECT_EQ(header(R"({"a":{"dtype":"U8","shape":[-8],"data_offsets":[0,8]}})"),
            "tensor \"a\": \"shape\" is [-8], not an array of whole numbers");
  EXPECT_EQ(header(R"({"a":{"dtype":"U8","shape":8,"data_offsets":[0,8]}})"),
            "tensor \"a\": \"shape\" is 8, not an array of whole numbers");
  EXPECT_EQ(header(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,18446744073709551615]}})"),
            "tensor \"a\": \"data_offsets\" is [0,18446744073709551615], not an array of whole numbers");
  EXPECT_EQ(header(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[8,0]}})"),
            "tensor \"a\": data_offsets (8, 0), need (begin, end)");
  EXPECT_EQ(header(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[8]}})"),
            "tensor \"a\": data_offsets (8), need (begin, end)");
  EXPECT_EQ(header(R"({"a":{"dtype":"F32","shape":[8],"data_offsets":[0,8]}})"),
            "tensor \"a\": data_offsets (0, 8) hold 8 bytes, F32 of shape (8) needs 32");
  EXPECT_EQ(header(R"({"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}})"),
            "tensor \"a\": data_offsets (0, 0) hold 0 bytes, U8 of shape (4294967296, 4294967296) needs "
            "18446744073709551615");
  EXPECT_EQ(header(R"({"a":{"dtype":"U8","shape":[6],"data_offsets":[0,6]},)"
                   R"("b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})"),
            "tensor \"b\" begins at byte 4 of the data, inside the one before it, which ends at 6");
  EXPECT_EQ(header(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                   R"("b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})"),
            "bytes 2 to 4 of the data, before tensor \"b\", belong to no tensor");
  EXPECT_EQ(header(R"({"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}})"),
            "tensor \"a\" ends at byte 9 of the data, of which the file has 8; it is cut short");
  EXPECT_EQ(header(R"({"a":{"dtype":"U8","shape":[7],"data_offsets":[0,7]}})"),
            "8 bytes of data, its tensors have 7; it does not end where it should");
  EXPECT_EQ(header(R"({"__metadata__":[]})"), "__metadata__ is of type array, not an object");
  EXPECT_EQ(header(R"({"__metadata__":{"step":5}})"), "__metadata__: \"step\" is 5, not a string");
}

}  // namespace
}  // namespace partialfc
