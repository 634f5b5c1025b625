#include "partialfc/base/scratch_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "partialfc/base/error.h"
#include "partialfc/base/file.h"

namespace partialfc {

namespace {

// What the kernel asks of direct reads and writes of this file.
uint64_t direct_alignment(int descriptor) {
  struct statx status = {};
  if (::statx(descriptor, "", AT_EMPTY_PATH, STATX_DIOALIGN, &status) != 0)
    return ScratchFile::kAssumedAlignment;
  if ((status.stx_mask & STATX_DIOALIGN) == 0 || status.stx_dio_offset_align == 0)
    return ScratchFile::kAssumedAlignment;
  return std::max(status.stx_dio_mem_align, status.stx_dio_offset_align);
}

}  // namespace

ScratchFile::ScratchFile(const std::filesystem::path& folder) {
  create_folders(folder);
  std::string name = folder / "partialfc_working_file_XXXXXX";
  descriptor_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (descriptor_ < 0) fail("{}: cannot create a working file: {}", folder.string(), errno_text(errno));
  path_ = name;
  (void)::unlink(name.c_str());  // a name that stays is in nobody's way: no later run takes it
  if (::fcntl(descriptor_, F_SETFL, O_DIRECT) != 0) {
    const int code = errno;
    ::close(descriptor_);
    fail("{}: the file system of this folder has no direct reads and writes: {}; choose a folder on a disk",
         folder.string(), errno_text(code));
  }
  alignment_ = direct_alignment(descriptor_);
}

void ScratchFile::grow(uint64_t bytes) {
  PFC_CHECK(bytes >= size_);
  const auto added = static_cast<off_t>(bytes - size_);
  int result = added == 0 ? 0 : ::fallocate(descriptor_, 0, static_cast<off_t>(size_), added);
  if (result != 0 && errno == EOPNOTSUPP)  // then writes take space as they come
    result = ::ftruncate(descriptor_, static_cast<off_t>(bytes));
  if (result != 0)
    fail(
        "{} (working file, unlinked): cannot grow from {} to {} bytes: {}; "
        "free disk space or choose another folder",
        path_.string(), size_, bytes, errno_text(errno));
  size_ = bytes;
}

ScratchFile::~ScratchFile() { ::close(descriptor_); }

void ScratchFile::transfer(Direction direction, uint64_t offset, std::span<iovec> parts) const {
  const bool reading = direction == Direction::kRead;
  while (!parts.empty()) {
    const int count = static_cast<int>(parts.size());
    const ssize_t moved = reading ? ::preadv(descriptor_, parts.data(), count, static_cast<off_t>(offset))
                                  : ::pwritev(descriptor_, parts.data(), count, static_cast<off_t>(offset));
    if (moved < 0 && errno == EINTR) continue;
    if (moved <= 0) {
      const std::string reason = moved < 0 ? errno_text(errno) : "the file ends here";
      fail("{} (working file, unlinked): cannot {} {} bytes at offset {} of {}: {}", path_.string(),
           reading ? "read" : "write", parts.front().iov_len, offset, size_, reason);
    }
    offset += static_cast<uint64_t>(moved);
    auto left = static_cast<size_t>(moved);
    while (!parts.empty() && left >= parts.front().iov_len) {
      left -= parts.front().iov_len;
      parts = parts.subspan(1);
    }
    if (left > 0) {
      parts.front().iov_base = static_cast<std::byte*>(parts.front().iov_base) + left;
      parts.front().iov_len -= left;
    }
  }
}

}  // namespace partialfc
