// Copies of .rec sets in memory: one a host, whatever the number of processes that read it.
//
//   FOLDER/partialfc-UID/NAME-KEY/       NAME.rec, and of NAME.idx, NAME.classes.txt, property what the set has;
//                                        `source`: the path that it was copied from; `kept`, where it is to stay
//   FOLDER/partialfc-UID/NAME-….part/    a copy that is being made or removed, or was left unfinished: never read
//
// KEY is of the source's path and of its files' sizes and times of change, so a set that was changed is copied anew. Who
// reads a copy shares the lock of its folder; the last reader removes it, unless it is kept. What is left by processes
// that were killed has no lock: it is used again, removed where its room is needed, or dropped by hand.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "partialfc/base/folder_lock.h"

namespace partialfc {

// Called now and then while a copy is made, or another process makes it (done = 0): in bytes. May throw, to give up.
using CopyProgress = std::function<void(uint64_t done, uint64_t total)>;

// A copy in use. The last one of a copy removes it at its end.
class CachedCopy {
 public:
  CachedCopy(std::filesystem::path rec, FolderLock lock);
  ~CachedCopy();
  CachedCopy(CachedCopy&&) noexcept = default;
  CachedCopy& operator=(CachedCopy&&) = delete;

  const std::filesystem::path& rec() const { return rec_; }
  void keep();  // it stays behind its last user

 private:
  std::filesystem::path rec_;  // empty once moved from
  FolderLock lock_;
};

// What a cache holds.
struct CachedSet {
  enum class State {
    kInUse,       // by a run, or being filled
    kKept,        // until dropped by hand
    kLeftBehind,  // whole, by a process that was killed
    kUnfinished,  // likewise, but not whole
  };
  std::filesystem::path folder, source;  // source: empty where it is not known
  uint64_t bytes = 0;
  State state = State::kInUse;
  bool outdated = false;  // the source is gone or was changed since
};

class RamCache {
 public:
  // `folder` is on a file system in memory, or on a disk faster than the one that the sets are on.
  explicit RamCache(const std::filesystem::path& folder);

  // The copy of the set `rec`, a .rec file; made where there is none. Error where there is no room for it.
  CachedCopy open(const std::filesystem::path& rec, const CopyProgress& progress);

  std::vector<CachedSet> list() const;  // by folder
  // False where it is in use.
  bool drop(const CachedSet& set);

 private:
  struct Source {
    std::filesystem::path rec;                 // canonical
    std::vector<std::filesystem::path> files;  // of the set, rec first
    uint64_t bytes = 0;
    std::string name;  // NAME-KEY
  };

  static Source source_of(const std::filesystem::path& rec);
  void make_copy(const Source& source, const CopyProgress& progress);
  static void copy_files(const Source& source, const std::filesystem::path& folder,
                         const CopyProgress& progress);
  void check_room(const Source& source);
  std::string lack_of_room(uint64_t bytes) const;
  void drop_what_was_left();

  std::filesystem::path folder_;  // FOLDER/partialfc-UID
};

}  // namespace partialfc
