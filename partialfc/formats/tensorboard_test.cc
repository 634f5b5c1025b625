#include "partialfc/formats/tensorboard.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <ctime>
#include <limits>

#include "partialfc/base/test_support.h"
#include "partialfc/formats/crc32c.h"

namespace partialfc {
namespace {

template <class T>
T number_at(const std::string& bytes, size_t offset) {
  T value{};
  std::memcpy(&value, bytes.substr(offset, sizeof value).data(), sizeof value);
  return value;
}

uint32_t unmasked(uint32_t masked) { return std::rotl(masked - 0xA282EAD8u, 15); }
uint32_t crc_of(const std::string& bytes) { return crc32c(std::as_bytes(std::span(bytes))); }

// The payloads of a file of TFRecords; checks both checksums of each.
std::vector<std::string> payloads_of(const std::filesystem::path& path) {
  const std::string bytes = read_text_file(path);
  std::vector<std::string> payloads;
  for (size_t at = 0; at < bytes.size();) {
    const auto length = number_at<uint64_t>(bytes, at);
    EXPECT_EQ(unmasked(number_at<uint32_t>(bytes, at + 8)), crc_of(bytes.substr(at, 8)));
    payloads.push_back(bytes.substr(at + 12, length));
    EXPECT_EQ(unmasked(number_at<uint32_t>(bytes, at + 12 + length)), crc_of(payloads.back()));
    at += 12 + length + 4;
  }
  return payloads;
}

// `wanted` follows the wall time, field 1 (a double), of each event.
void expect_event(const std::string& payload, const std::string& wanted) {
  ASSERT_GE(payload.size(), 9u);
  EXPECT_EQ(payload[0], '\x09');
  EXPECT_NEAR(number_at<double>(payload, 1), static_cast<double>(std::time(nullptr)), 60);
  EXPECT_EQ(payload.substr(9), wanted);
}

// A field of a message: its number, and its value as bytes, of which a varint has its eight.
struct Field {
  uint64_t number;
  std::string value;
};

// Takes a varint off the beginning.
uint64_t take_varint(std::string& bytes) {
  uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes.at(0));
    bytes.erase(0, 1);
    value |= uint64_t{byte & 127u} << shift;
    if (byte < 128) return value;
  }
}

std::vector<Field> fields_of(std::string message) {
  std::vector<Field> fields;
  while (!message.empty()) {
    const uint64_t key = take_varint(message), kind = key & 7;
    std::string value;
    if (kind == 0) {
      const uint64_t number = take_varint(message);
      value.assign(reinterpret_cast<const char*>(&number), sizeof number);
    } else {
      const size_t length = kind == 1 ? 8 : kind == 5 ? 4 : take_varint(message);
      value = message.substr(0, length);
      EXPECT_EQ(value.size(), length);
      message.erase(0, length);
    }
    fields.push_back({key >> 3, value});
  }
  return fields;
}

TEST(TensorBoard, WhatIsReadBackIsWhatWasWritten) {
  constexpr auto kLargest = std::numeric_limits<int64_t>::max();
  const std::vector<int64_t> steps = {0, 1, 127, 128, 16383, 16384, int64_t{1} << 40, kLargest, -1};
  const std::vector<TaggedScalar> scalars = {{"zero", 0},
                                             {std::string(127, 'a'), -0.0f},
                                             {std::string(128, 'b'), 1e-45f},
                                             {std::string(20000, 'c'), -3.25f}};
  const ScratchFolder folder;
  TensorBoardWriter writer(folder.path());
  for (const int64_t step : steps) writer.add_scalars(step, scalars);
  writer.add_scalars(5, {});

  const std::vector<std::string> payloads = payloads_of(writer.path());
  ASSERT_EQ(payloads.size(), steps.size() + 2);
  for (size_t i = 0; i < steps.size(); ++i) {
    const std::vector<Field> event = fields_of(payloads[i + 1]);
    ASSERT_EQ(event.size(), 3u);
    EXPECT_EQ(event[0].number, 1u);
    EXPECT_EQ(event[1].number, 2u);
    EXPECT_EQ(number_at<int64_t>(event[1].value, 0), steps[i]);
    EXPECT_EQ(event[2].number, 5u);
    const std::vector<Field> values = fields_of(event[2].value);
    ASSERT_EQ(values.size(), scalars.size());
    for (size_t k = 0; k < scalars.size(); ++k) {
      EXPECT_EQ(values[k].number, 1u);
      const std::vector<Field> value = fields_of(values[k].value);
      ASSERT_EQ(value.size(), 2u);
      EXPECT_EQ(value[0].number, 1u);
      EXPECT_EQ(value[0].value, scalars[k].tag);
      EXPECT_EQ(value[1].number, 2u);
      EXPECT_EQ(number_at<uint32_t>(value[1].value, 0), std::bit_cast<uint32_t>(scalars[k].value));
    }
  }
  EXPECT_EQ(fields_of(payloads.back()).back().value, "");
}

// Wire bytes by hand, from TensorBoard's field numbers: Event.step = 2, .file_version = 3, .summary = 5;
// Summary.value = 1; Value.tag = 1, .simple_value = 2.
TEST(TensorBoard, ExactBytes) {
  const ScratchFolder folder;
  TensorBoardWriter writer(folder.path());
  writer.add_scalars(300, {{"loss", 0.5f}, {"a/b", -std::numeric_limits<float>::infinity()}});
  writer.add_scalars(0, {{"", std::nanf("")}});

  // Read before close(): each call is flushed.
  const std::vector<std::string> payloads = payloads_of(writer.path());
  ASSERT_EQ(payloads.size(), 3u);
  expect_event(payloads[0],
               "\x1A\x0D"
               "brain.Event:2");
  const std::string loss(
      "\x0A\x0B\x0A\x04"
      "loss"
      "\x15\0\0\0\x3F",
      13);
  const std::string a_b(
      "\x0A\x0A\x0A\x03"
      "a/b"
      "\x15\0\0\x80\xFF",
      12);
  expect_event(payloads[1], "\x10\xAC\x02\x2A\x19" + loss + a_b);
  expect_event(payloads[2], std::string("\x10\0\x2A\x09\x0A\x07\x0A\0\x15\0\0\xC0\x7F", 13));
  writer.close();
}

TEST(TensorBoard, NameHasTimeAndHost) {
  const ScratchFolder folder;
  TensorBoardWriter writer(folder.path());
  const std::string name = writer.path().filename().string();
  char host[256] = {};
  ASSERT_EQ(gethostname(host, sizeof host - 1), 0);
  EXPECT_TRUE(name.starts_with("events.out.tfevents.") && name.ends_with(std::string(".") + host)) << name;
  EXPECT_NEAR(std::stod(name.substr(20, 10)), static_cast<double>(std::time(nullptr)), 60);
}

TEST(TensorBoard, ASecondWriterKeepsWhatIsThere) {
  const ScratchFolder folder;
  for (int i = 0; i < 3; ++i) {
    TensorBoardWriter writer(folder.path());
    writer.add_scalars(i, {{"x", 1}});
    writer.close();
  }
  size_t events = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
    events += payloads_of(entry.path()).size();
  EXPECT_EQ(events, 6u);
}

TEST(TensorBoard, ATagThatIsNotUtf8IsRefused) {
  const ScratchFolder folder;
  TensorBoardWriter writer(folder.path());
  EXPECT_THROW(writer.add_scalars(1, {{"ok", 1}, {"\xFF", 1}}), Error);
  EXPECT_EQ(payloads_of(writer.path()).size(), 1u);
}

TEST(TensorBoard, AMissingFolderIsNamed) {
  EXPECT_EQ(message_of([] { TensorBoardWriter("/nowhere/run"); }).find("/nowhere/run/events.out.tfevents."),
            0u);
}

}  // namespace
}  // namespace partialfc
