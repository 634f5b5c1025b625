#include "partialfc/base/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "partialfc/base/error.h"

namespace partialfc {

std::optional<FolderLock> FolderLock::open(const std::filesystem::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0 && errno == ENOENT) return std::nullopt;
  if (descriptor < 0) fail("{}: cannot open the folder: {}", folder.string(), errno_text(errno));
  return FolderLock(folder, descriptor);
}

FolderLock::FolderLock(FolderLock&& other) noexcept
    : folder_(std::move(other.folder_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool FolderLock::try_share() { return try_lock(LOCK_SH); }

bool FolderLock::try_alone() { return try_lock(LOCK_EX); }

bool FolderLock::try_lock(int kind) {
  if (::flock(descriptor_, kind | LOCK_NB) == 0) return true;
  if (errno == EWOULDBLOCK) return false;
  fail("{}: cannot lock the folder: {}", folder_.string(), errno_text(errno));
}

bool FolderLock::is_in_place() const {
  struct stat mine, named;
  return ::fstat(descriptor_, &mine) == 0 && ::stat(folder_.c_str(), &named) == 0 &&
         mine.st_dev == named.st_dev && mine.st_ino == named.st_ino;
}

}  // namespace partialfc
