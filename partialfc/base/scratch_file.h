// A file for one process's working data, larger than memory: read and written past the page cache, at any offset, from
// any thread. It loses its name as soon as it is open, so nothing of it outlives the process, however that ends.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <filesystem>
#include <span>

namespace partialfc {

// What a record of so many bytes takes in a scratch file of that alignment, so that each can be read and written alone.
constexpr int64_t aligned_record_bytes(int64_t bytes, uint64_t alignment) {
  const auto unit = static_cast<int64_t>(alignment);
  return (bytes + unit - 1) / unit * unit;
}

class ScratchFile {
 public:
  // Creates the folder where needed. Throws Error where it cannot be written to, or its file system can only read and
  // write through the page cache: that would hold a second copy of what the caller holds.
  explicit ScratchFile(const std::filesystem::path& folder);
  ~ScratchFile();
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  uint64_t size() const { return size_; }
  // Makes the file `bytes` long, with disk space for all of it. Not beside read() or write(). Space taken at once, not
  // write by write, is contiguous and more than twice as fast to fill.
  void grow(uint64_t bytes);

  // Offsets, addresses and lengths handed to read() and write() are multiples of this many bytes, a power of two.
  uint64_t alignment() const { return alignment_; }
  // Where the file system does not say what it needs: always enough.
  static constexpr uint64_t kAssumedAlignment = 4096;

  // The bytes from `offset` on, to or from `parts`, one after the other; all of them, or throws Error. Uses up `parts`.
  void read(uint64_t offset, std::span<iovec> parts) const { transfer(Direction::kRead, offset, parts); }
  void write(uint64_t offset, std::span<iovec> parts) const { transfer(Direction::kWrite, offset, parts); }

 private:
  enum class Direction { kRead, kWrite };
  void transfer(Direction direction, uint64_t offset, std::span<iovec> parts) const;

  std::filesystem::path path_;  // the name it had, for messages
  uint64_t size_ = 0;
  int descriptor_ = -1;
  uint64_t alignment_ = 0;
};

}  // namespace partialfc
