#include "partialfc/formats/tensorboard.h"

#include <bit>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <span>
#include <string_view>

#include "partialfc/base/error.h"
#include "partialfc/base/host_name.h"
#include "partialfc/formats/crc32c.h"
#include "partialfc/formats/json.h"

namespace partialfc {

namespace {

static_assert(std::endian::native == std::endian::little);

// Field numbers of TensorBoard's messages (tensorboard/compat/proto/{event,summary}.proto).
constexpr int kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5;  // of Event
constexpr int kValue = 1;                                                // of Summary, repeated
constexpr int kTag = 1, kSimpleValue = 2;                                // of Value

double seconds_since_1970() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

uint32_t masked_crc(std::span<const std::byte> bytes) { return std::rotr(crc32c(bytes), 15) + 0xA282EAD8u; }

// A message in Protocol Buffers' wire format: of each field its number and its kind of value, then the value. A zero is
// written too: simple_value is one of several kinds of value, and would else be none.
class WireMessage {
 public:
  void add_double(int field, double value) { add_bits(field, kFixed64, value); }
  void add_float(int field, float value) { add_bits(field, kFixed32, value); }
  void add_integer(int field, int64_t value) {
    add_key(field, kVarint);
    add_varint(static_cast<uint64_t>(value));
  }
  // Of a text, or of a message.
  void add_bytes(int field, std::string_view bytes) {
    add_key(field, kLengthDelimited);
    add_varint(bytes.size());
    bytes_ += bytes;
  }

  const std::string& bytes() const { return bytes_; }

 private:
  enum Kind { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kFixed32 = 5 };

  void add_key(int field, Kind kind) { add_varint(static_cast<uint64_t>(field << 3 | kind)); }
  // Seven bits a byte, the lowest first; the eighth says that more follow.
  void add_varint(uint64_t value) {
    for (; value >= 128; value >>= 7) bytes_ += static_cast<char>(value | 128);
    bytes_ += static_cast<char>(value);
  }
  template <class Number>
  void add_bits(int field, Kind kind, Number value) {
    add_key(field, kind);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }

  std::string bytes_;
};

}  // namespace

TensorBoardWriter::TensorBoardWriter(const std::filesystem::path& folder)
    : file_(folder /
                fmt::format("events.out.tfevents.{:.0f}.{}", std::floor(seconds_since_1970()), host_name()),
            /*append=*/true) {
  WireMessage event;
  event.add_double(kWallTime, seconds_since_1970());
  event.add_bytes(kFileVersion, "brain.Event:2");
  write_record(event.bytes());
}

void TensorBoardWriter::add_scalars(int64_t step, const std::vector<TaggedScalar>& scalars) {
  WireMessage event, summary;
  event.add_double(kWallTime, seconds_since_1970());
  event.add_integer(kStep, step);
  for (const TaggedScalar& scalar : scalars) {
    // Throws where the tag is not UTF-8: readers would reject the file.
    json_text(scalar.tag, -1, path().string());
    WireMessage value;
    value.add_bytes(kTag, scalar.tag);
    value.add_float(kSimpleValue, scalar.value);
    summary.add_bytes(kValue, value.bytes());
  }
  event.add_bytes(kSummary, summary.bytes());
  write_record(event.bytes());
}

void TensorBoardWriter::write_record(const std::string& payload) {
  const uint64_t length = payload.size();
  file_.write(bytes_of(length));
  file_.write(bytes_of(masked_crc(bytes_of(length))));
  file_.write(payload);
  file_.write(bytes_of(masked_crc(std::as_bytes(std::span(payload)))));
  file_.flush();
}

void TensorBoardWriter::close() { file_.close(); }

}  // namespace partialfc
