// For tests: a file system of 1 MiB, so that the disk is full soon.
#pragma once

#include <sys/mount.h>

#include <filesystem>

#include "partialfc/base/test_support.h"

namespace partialfc {

class SmallDisk {
 public:
  SmallDisk() : mounted_(::mount("tmpfs", folder_.path().c_str(), "tmpfs", 0, "size=1m") == 0) {}
  ~SmallDisk() {
    if (mounted_) ::umount(folder_.path().c_str());
  }
  // false where this process may not mount: skip the test.
  bool mounted() const { return mounted_; }
  const std::filesystem::path& path() const { return folder_.path(); }

 private:
  ScratchFolder folder_;
  bool mounted_ = false;
};

}  // namespace partialfc
