// For tests: a file system of its own, of 1 MiB unless told otherwise, so that the disk is full soon.
#pragma once

#include <fmt/format.h>
#include <sys/mount.h>

#include <cstdint>
#include <filesystem>

#include "partialfc/base/error.h"
#include "partialfc/base/test_support.h"

namespace partialfc {

class SmallDisk {
 public:
  explicit SmallDisk(int64_t bytes = 1 << 20) : mounted_(mount(0, bytes)) {}
  ~SmallDisk() {
    if (mounted_) ::umount2(path().c_str(), MNT_DETACH);
  }
  // false where this process may not mount: it is a folder like others.
  bool mounted() const { return mounted_; }
  const std::filesystem::path& path() const { return folder_.path(); }

  void resize(int64_t bytes) { PFC_CHECK(mount(MS_REMOUNT, bytes)); }
  void leave_free(int64_t bytes) {
    const std::filesystem::space_info space = std::filesystem::space(path());
    resize(static_cast<int64_t>(space.capacity - space.free) + bytes);
  }

 private:
  bool mount(unsigned long flags, int64_t bytes) const {
    return ::mount("tmpfs", path().c_str(), "tmpfs", flags, fmt::format("size={}", bytes).c_str()) == 0;
  }

  const ScratchFolder folder_;
  const bool mounted_;
};

}  // namespace partialfc
