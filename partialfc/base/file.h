// Files: reading at an offset, writing aside and renaming into place. Every failure is an Error that names the path,
// what was being done and the system's reason.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace partialfc {

// A file open for reading at any offset, from any thread.
class InputFile {
 public:
  explicit InputFile(std::filesystem::path path);
  ~InputFile();
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&&) = delete;

  const std::filesystem::path& path() const { return path_; }
  uint64_t size() const { return size_; }
  // Reads up to out.size() bytes at `offset`; returns how many there were (fewer only at the end of the file).
  size_t read_at(uint64_t offset, std::span<std::byte> out) const;
  // Reads exactly out.size() bytes, or throws Error that says how many were missing.
  void read_exactly(uint64_t offset, std::span<std::byte> out) const;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  uint64_t size_ = 0;
};

// A file being written from start to end, buffered. close() reports what a destructor cannot: call it.
class OutputFile {
 public:
  explicit OutputFile(std::filesystem::path path, bool append = false);
  ~OutputFile();
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;

  const std::filesystem::path& path() const { return path_; }
  uint64_t position() const { return position_; }  // bytes written so far by this object
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  void flush();  // to the operating system
  void sync();   // flush, then to the disk
  void close();

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  uint64_t position_ = 0;
  std::vector<std::byte> buffer_;
};

std::string read_text_file(const std::filesystem::path& path);
std::vector<std::byte> read_binary_file(const std::filesystem::path& path);

// Writes `contents` aside, syncs, and renames into place: readers see the old file or the new one, never a part.
void write_file_atomically(const std::filesystem::path& path, std::string_view contents);

// Makes a finished rename durable: syncs the folder itself.
void sync_folder(const std::filesystem::path& folder);

// Creates the folder and its parents, or throws Error that says which part failed and why.
void create_folders(const std::filesystem::path& folder);

// The bytes of a trivially copyable value or of an array of them.
template <class T>
std::span<const std::byte> bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

}  // namespace partialfc
