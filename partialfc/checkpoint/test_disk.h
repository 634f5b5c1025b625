// For tests: a disk that can be full.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "partialfc/base/file.h"
#include "partialfc/base/small_disk.h"

namespace partialfc {

inline void write_file(const std::filesystem::path& path, const std::string& contents) {
  OutputFile file(path);
  file.write(contents);
  file.close();
}

// A folder on a disk of 1 MiB. Where this user may not mount one, files of this process end at 1 MiB (and at
// nothing once filled), which fails the same writes.
class FillableDisk {
 public:
  FillableDisk() {
    if (!disk_.mounted()) limit_files(1 << 20);
  }
  ~FillableDisk() {
    if (!disk_.mounted()) limit_files(RLIM_INFINITY);
  }
  std::filesystem::path run() const { return disk_.path() / "run"; }
  void fill() {
    if (!disk_.mounted()) return limit_files(0);
    EXPECT_THROW(write_file(disk_.path() / "filler", std::string(2 << 20, 'f')), Error);
  }
  void empty() {
    if (!disk_.mounted()) return limit_files(1 << 20);
    std::filesystem::remove(disk_.path() / "filler");
  }

 private:
  static void limit_files(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);  // so that a write fails instead
    rlimit limit;
    ::getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = std::min(bytes, limit.rlim_max);
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }

  const SmallDisk disk_;
};

}  // namespace partialfc
