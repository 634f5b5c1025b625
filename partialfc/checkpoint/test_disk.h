// For tests: a disk that can be full.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "partialfc/base/file.h"
#include "partialfc/base/test_support.h"

namespace partialfc {

inline void write_file(const std::filesystem::path& path, const std::string& contents) {
  OutputFile file(path);
  file.write(contents);
  file.close();
}

// A folder on a disk of 1 MiB. Where this user may not mount one, files of this process end at 1 MiB (and at
// nothing once filled), which fails the same writes.
class SmallDisk {
 public:
  SmallDisk() {
    mounted_ = ::mount("tmpfs", folder_.path().c_str(), "tmpfs", 0, "size=1m") == 0;
    if (!mounted_) limit_files(1 << 20);
  }
  ~SmallDisk() {
    if (mounted_) {
      ::umount2(folder_.path().c_str(), MNT_DETACH);
    } else {
      limit_files(RLIM_INFINITY);
    }
  }
  std::filesystem::path run() const { return folder_ / "run"; }
  void fill() {
    if (!mounted_) return limit_files(0);
    EXPECT_THROW(write_file(folder_ / "filler", std::string(2 << 20, 'f')), Error);
  }
  void empty() {
    if (!mounted_) return limit_files(1 << 20);
    std::filesystem::remove(folder_ / "filler");
  }

 private:
  static void limit_files(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);  // so that a write fails instead
    rlimit limit;
    ::getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = std::min(bytes, limit.rlim_max);
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }

  ScratchFolder folder_;
  bool mounted_;
};

}  // namespace partialfc
