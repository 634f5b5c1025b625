// A file written aside, as PATH.part, and renamed into place when it is complete: readers see the old file or the whole
// new one, never a part. Without commit() nothing is left behind.
#pragma once

#include <filesystem>

#include "partialfc/base/file.h"

namespace partialfc {

class StagedFile {
 public:
  explicit StagedFile(std::filesystem::path path);
  ~StagedFile();
  StagedFile(const StagedFile&) = delete;
  StagedFile& operator=(const StagedFile&) = delete;

  OutputFile& out() { return out_; }
  // Writes everything to the disk and renames. Call it once, last.
  void commit();

 private:
  std::filesystem::path path_;
  OutputFile out_;
  bool committed_ = false;
};

}  // namespace partialfc
