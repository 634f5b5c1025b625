// A lock on a folder (flock): any number of holders share it, or one has it alone. It goes with its holder, however that
// ends, and means something only among those who ask for it.
//
// A folder may be removed or renamed while one waits for its lock: who has got it asks is_in_place().
#pragma once

#include <filesystem>
#include <optional>

namespace partialfc {

class FolderLock {
 public:
  // Opens the folder, without a lock yet; nothing where there is no such folder.
  static std::optional<FolderLock> open(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&&) = delete;

  // False where another holder is in the way. A lock held before is lost then, and replaced else.
  bool try_share();
  bool try_alone();
  // Whether the path still names this folder.
  bool is_in_place() const;

 private:
  FolderLock(std::filesystem::path folder, int descriptor)
      : folder_(std::move(folder)), descriptor_(descriptor) {}
  bool try_lock(int kind);

  std::filesystem::path folder_;
  int descriptor_ = -1;
};

}  // namespace partialfc
