#include "partialfc/data/record_io.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "partialfc/base/error.h"

namespace partialfc {

namespace {

enum PartKind : uint32_t { kWhole = 0, kFirst = 1, kMiddle = 2, kLast = 3 };

constexpr uint32_t kLengthBits = 29;
constexpr uint32_t kMaxLength = (1u << kLengthBits) - 1;
constexpr size_t kHeaderBytes = 8;
constexpr size_t kScanStep = 1 << 20;   // bytes read ahead by next()
constexpr size_t kReadAhead = 4 << 20;  // bytes read at once by read_ahead()

constexpr uint64_t padded(uint64_t length) { return (length + 3) / 4 * 4; }

uint32_t read_u32(const std::byte* bytes) {
  uint32_t value;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

// Reads the record at `offset` into `payload` and returns where the next one begins.
uint64_t read_record(const InputFile& file, uint64_t offset, ReadWindow& window,
                     std::vector<std::byte>& payload) {
  const auto check_room = [&](uint64_t place, uint64_t count) {
    if (place > file.size() || count > file.size() - place)
      fail("{}: the record at offset {} needs {} bytes at offset {}, but the file has {}; it is cut short",
           file.path().string(), offset, count, place, file.size());
  };
  payload.clear();
  for (uint64_t place = offset;;) {
    check_room(place, kHeaderBytes);
    const auto header = window.fetch(file, place, kHeaderBytes);
    const uint32_t magic = read_u32(header.data());
    if (magic != kRecordMagic)
      fail(
          "{}: no record at offset {}: found {:#010x} in place of the magic {:#010x}; "
          "the file is damaged or the offset is another file's",
          file.path().string(), place, magic, kRecordMagic);
    const uint32_t kind = read_u32(header.data() + 4) >> kLengthBits;
    const uint32_t length = read_u32(header.data() + 4) & kMaxLength;
    const bool begins = kind == kWhole || kind == kFirst;
    if (kind > kLast || begins != (place == offset))
      fail("{}: the record at offset {} has a part of kind {} at offset {}, out of order",
           file.path().string(), offset, kind, place);
    check_room(place + kHeaderBytes, padded(length));
    if (!begins) {
      const auto magic_bytes = bytes_of(kRecordMagic);
      payload.insert(payload.end(), magic_bytes.begin(), magic_bytes.end());
    }
    const auto bytes = window.fetch(file, place + kHeaderBytes, length);
    payload.insert(payload.end(), bytes.begin(), bytes.end());
    place += kHeaderBytes + padded(length);
    if (kind == kWhole || kind == kLast) return place;
  }
}

}  // namespace

std::span<const std::byte> ReadWindow::fetch(const InputFile& file, uint64_t offset, size_t count) {
  if (offset < begin_ || offset + count > begin_ + bytes_.size()) {
    const uint64_t wanted = std::max(count, step_);
    bytes_.resize(std::min<uint64_t>(wanted, file.size() - offset));
    begin_ = offset;
    file.read_exactly(offset, bytes_);
  }
  return std::span(bytes_).subspan(offset - begin_, count);
}

RecordReader::RecordReader(std::filesystem::path path) : file_(std::move(path)), window_(kScanStep) {}

std::vector<std::byte> RecordReader::read_at(uint64_t offset, size_t expected_bytes) const {
  std::vector<std::byte> payload;
  ReadWindow window(expected_bytes);
  read_record(file_, offset, window, payload);
  return payload;
}

void RecordReader::read_ahead(uint64_t first, uint64_t last) const {
  std::vector<std::byte> piece(kReadAhead);
  for (uint64_t offset = first; offset < last; offset += kReadAhead)
    file_.read_at(offset, std::span(piece).first(std::min<uint64_t>(kReadAhead, last - offset)));
}

bool RecordReader::next(std::vector<std::byte>& payload) {
  if (offset_ == file_.size()) return false;
  offset_ = read_record(file_, offset_, window_, payload);
  return true;
}

RecordWriter::RecordWriter(std::filesystem::path rec, std::filesystem::path idx) : rec_(std::move(rec)) {
  if (!idx.empty()) idx_.emplace(std::move(idx));
}

void RecordWriter::write(uint64_t key, std::span<const std::byte> payload) {
  if (payload.size() > kMaxLength)
    fail("{}: the record of key {} has {} bytes, the format holds at most {}", rec_.out().path().string(),
         key, payload.size(), kMaxLength);
  if (idx_) idx_->out().write(fmt::format("{}\t{}\n", key, rec_.out().position()));
  size_t begin = 0;
  for (size_t i = 0; i + 4 <= payload.size(); i += 4) {
    if (read_u32(payload.data() + i) != kRecordMagic) continue;
    write_part(begin == 0 ? kFirst : kMiddle, payload.subspan(begin, i - begin));
    begin = i + 4;
  }
  write_part(begin == 0 ? kWhole : kLast, payload.subspan(begin));
}

void RecordWriter::write_part(uint32_t kind, std::span<const std::byte> bytes) {
  const uint32_t length = static_cast<uint32_t>(bytes.size());
  const uint32_t header[2] = {kRecordMagic, kind << kLengthBits | length};
  constexpr std::byte kZeros[4] = {};
  rec_.out().write(bytes_of(header));
  rec_.out().write(bytes);
  rec_.out().write(std::span(kZeros, padded(length) - length));
}

void RecordWriter::close() {
  rec_.commit();
  if (idx_) idx_->commit();
}

}  // namespace partialfc
