#include "partialfc/data/staged_file.h"

#include <system_error>
#include <utility>

#include "partialfc/base/error.h"

namespace partialfc {

StagedFile::StagedFile(std::filesystem::path path) : path_(std::move(path)), out_(path_.string() + ".part") {}

StagedFile::~StagedFile() {
  std::error_code ignored;
  if (!committed_) std::filesystem::remove(out_.path(), ignored);
}

void StagedFile::commit() {
  out_.sync();
  out_.close();
  std::error_code code;
  std::filesystem::rename(out_.path(), path_, code);
  if (code) fail("{}: cannot rename to {}: {}", out_.path().string(), path_.string(), code.message());
  committed_ = true;
  sync_folder(path_.parent_path().empty() ? "." : path_.parent_path());
}

}  // namespace partialfc
