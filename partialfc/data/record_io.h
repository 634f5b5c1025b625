// RecordIO files (.rec): payloads one after the other, each in one part or several.
//
//   part:   uint32 magic 0xced7230a, uint32 kind << 29 | length, `length` bytes, zeros up to a
//   multiple of 4 kind:   0 the whole payload, 1 its first part, 2 a middle part, 3 its last part
//
// A payload that holds the magic at a multiple of 4 is split there: the four bytes are left out, and a reader puts them
// back between the parts. All numbers are little-endian. An index (.idx) is a text file of lines "key \t offset".
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "partialfc/base/file.h"
#include "partialfc/data/staged_file.h"

namespace partialfc {

inline constexpr uint32_t kRecordMagic = 0xced7230a;

// Bytes of a file around the place last asked for, so that neighbours need no read of their own.
class ReadWindow {
 public:
  explicit ReadWindow(size_t step) : step_(step) {}
  // `count` bytes at `offset`, which the file must hold. Valid until the next call.
  std::span<const std::byte> fetch(const InputFile& file, uint64_t offset, size_t count);

 private:
  size_t step_;
  uint64_t begin_ = 0;
  std::vector<std::byte> bytes_;
};

// Damage (wrong magic, parts out of order, a record past the end of the file) is an Error that names file and offset.
class RecordReader {
 public:
  explicit RecordReader(std::filesystem::path path);

  const std::filesystem::path& path() const { return file_.path(); }
  uint64_t file_size() const { return file_.size(); }

  // The payload of the record that begins at `offset`. Any number of threads may call it. Where the record's length in
  // the file is known, or nearly so, `expected_bytes` saves reading more or twice.
  static constexpr size_t kUsualBytes = 16 << 10;  // most images whole
  std::vector<std::byte> read_at(uint64_t offset, size_t expected_bytes = kUsualBytes) const;

  // Reads the bytes `first` … `last` − 1 forward, for the system to keep. Error where the disk fails.
  void read_ahead(uint64_t first, uint64_t last) const;

  // One record after the other: offset() is where the next one begins; next() is false at the end of the file.
  uint64_t offset() const { return offset_; }
  bool next(std::vector<std::byte>& payload);

 private:
  InputFile file_;
  uint64_t offset_ = 0;
  ReadWindow window_;
};

// Writes `rec`, and the index `idx` where a path is given. Both appear when close() is called; without it neither does.
class RecordWriter {
 public:
  explicit RecordWriter(std::filesystem::path rec, std::filesystem::path idx = {});

  // Appends a record; the index gets a line for `key`. Payloads of 512 MiB and more are refused.
  void write(uint64_t key, std::span<const std::byte> payload);
  void close();

 private:
  void write_part(uint32_t kind, std::span<const std::byte> bytes);

  StagedFile rec_;
  std::optional<StagedFile> idx_;
};

}  // namespace partialfc
