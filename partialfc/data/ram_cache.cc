#include "partialfc/data/ram_cache.h"

#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "partialfc/base/error.h"
#include "partialfc/base/file.h"
#include "partialfc/base/process_memory.h"
#include "partialfc/base/random.h"

namespace partialfc {

namespace {

namespace fs = std::filesystem;

constexpr size_t kPiece = 4 << 20;  // bytes copied at once
constexpr std::chrono::milliseconds kPause(20);
constexpr const char *kSourceFile = "source", *kKeptFile = "kept", *kUnfinished = ".part";

double gigabytes(uint64_t bytes) { return static_cast<double>(bytes) * 1e-9; }

// Size and time of the last change, or an Error.
struct stat status_of(const fs::path& file) {
  struct stat status;
  if (::stat(file.c_str(), &status) != 0) fail("{}: cannot open: {}", file.string(), errno_text(errno));
  return status;
}

// The folder of this user alone: the one above it may be everybody's.
fs::path make_own_folder(const fs::path& folder) {
  if (!fs::is_directory(folder)) fail("{}: no such folder; name another cache folder", folder.string());
  const fs::path own = folder / fmt::format("partialfc-{}", ::geteuid());
  if (::mkdir(own.c_str(), 0700) != 0 && errno != EEXIST)
    fail("{}: cannot create the folder: {}", own.string(), errno_text(errno));
  struct stat status;
  if (::lstat(own.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) || status.st_uid != ::geteuid())
    fail("{}: is no folder of this user; remove it, or name another cache folder", own.string());
  return own;
}

bool is_in_memory(const fs::path& folder) {
  struct statfs status;
  return ::statfs(folder.c_str(), &status) == 0 &&
         (status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC);
}

uint64_t room_in(const fs::path& folder) {
  struct statvfs status;
  if (::statvfs(folder.c_str(), &status) != 0)
    fail("{}: cannot ask for its room: {}", folder.string(), errno_text(errno));
  return uint64_t{status.f_bavail} * status.f_frsize;
}

// Removes a folder whose lock the caller has alone. Renamed first, so that no half of it is ever taken for the whole.
void remove_copy(const fs::path& folder) {
  const fs::path aside = fmt::format("{}.{}{}", folder.string(), ::getpid(), kUnfinished);
  std::error_code code;
  fs::rename(folder, aside, code);
  if (!code) fs::remove_all(aside, code);
  if (code) fail("{}: cannot remove: {}", folder.string(), code.message());
}

}  // namespace

CachedCopy::CachedCopy(fs::path rec, FolderLock lock) : rec_(std::move(rec)), lock_(std::move(lock)) {}

CachedCopy::~CachedCopy() {
  if (rec_.empty()) return;
  try {
    if (lock_.try_alone() && !fs::exists(rec_.parent_path() / kKeptFile)) remove_copy(rec_.parent_path());
  } catch (const std::exception&) {
    // It is left behind, and listed as such.
  }
}

void CachedCopy::keep() { write_file_atomically(rec_.parent_path() / kKeptFile, ""); }

RamCache::RamCache(const fs::path& folder) : folder_(make_own_folder(folder)) {}

RamCache::Source RamCache::source_of(const fs::path& rec) {
  Source source;
  std::error_code code;
  const fs::path folder = fs::canonical(fs::absolute(rec).parent_path(), code);
  if (code) fail("{}: cannot open: {}", rec.string(), code.message());
  source.rec = folder / rec.filename();  // a link stays one: what belongs to it lies beside it
  uint64_t key = 0;
  for (const char letter : source.rec.string()) key = mix(key, static_cast<uint8_t>(letter));
  const fs::path stem = fs::path(source.rec).replace_extension();
  for (const fs::path& file : {source.rec, fs::path(stem.string() + ".idx"),
                               fs::path(stem.string() + ".classes.txt"), stem.parent_path() / "property"}) {
    if (file != source.rec && !fs::exists(file)) continue;
    const struct stat status = status_of(file);
    source.files.push_back(file);
    source.bytes += static_cast<uint64_t>(status.st_size);
    for (const auto number : {status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec})
      key = mix(key, static_cast<uint64_t>(number));
  }
  source.name = fmt::format("{}-{:016x}", stem.filename().string(), key);
  return source;
}

CachedCopy RamCache::open(const fs::path& rec, const CopyProgress& progress) {
  const Source source = source_of(rec);
  const fs::path copy = folder_ / source.name;
  while (true) {
    if (auto lock = FolderLock::open(copy)) {
      // Nobody has the lock of a copy alone for long: it is being looked at, or removed.
      while (!lock->try_share()) std::this_thread::sleep_for(kPause);
      if (lock->is_in_place()) return {copy / source.rec.filename(), std::move(*lock)};
    } else {
      make_copy(source, progress);
    }
  }
}

// Makes the copy, or waits until whoever makes it is done.
void RamCache::make_copy(const Source& source, const CopyProgress& progress) {
  const fs::path copy = folder_ / source.name, part = copy.string() + kUnfinished;
  create_folders(part);
  auto lock = FolderLock::open(part);
  if (!lock) return;
  // Whoever makes it moves this folder to its place, and shares the lock from then on.
  while (lock->is_in_place() && !lock->try_alone()) {
    progress(0, source.bytes);
    std::this_thread::sleep_for(kPause);
  }
  if (!lock->is_in_place()) return;
  if (fs::exists(copy)) return remove_copy(part);  // it was made before this attempt began
  try {
    check_room(source);
    copy_files(source, part, progress);
    write_file_atomically(part / kSourceFile, source.rec.string());
    if (source_of(source.rec).name != source.name)
      fail("{}: was changed while it was copied; start again when it is whole", source.rec.string());
    fs::rename(part, copy);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(part, ignored);
    throw;
  }
}

void RamCache::copy_files(const Source& source, const fs::path& folder, const CopyProgress& progress) {
  std::vector<std::byte> piece(kPiece);
  uint64_t done = 0;
  for (const fs::path& file : source.files) {
    const InputFile in(file);
    OutputFile out(folder / file.filename());
    for (uint64_t offset = 0; offset < in.size(); offset += kPiece) {
      const auto bytes = std::span(piece).first(std::min<uint64_t>(kPiece, in.size() - offset));
      in.read_exactly(offset, bytes);
      out.write(bytes);
      progress(done += bytes.size(), source.bytes);
    }
    out.close();
  }
}

void RamCache::check_room(const Source& source) {
  std::string lack = lack_of_room(source.bytes);
  if (lack.empty()) return;
  drop_what_was_left();
  lack = lack_of_room(source.bytes);
  if (!lack.empty()) fail("{}: {}", source.rec.string(), lack);
}

// What is wrong, with both numbers, and what to do; empty where there is room.
std::string RamCache::lack_of_room(uint64_t bytes) const {
  const uint64_t room = room_in(folder_);
  if (bytes > room)
    return fmt::format(
        "a copy takes {:.3f} GB, and {} has room for {:.3f} GB: "
        "enlarge it (mount -o remount,size=…), drop what `partialfc cache list` shows, name another folder, "
        "or read from the disk (data.cache = \"none\")",
        gigabytes(bytes), folder_.parent_path().string(), gigabytes(room));
  if (!is_in_memory(folder_)) return {};
  const auto available = static_cast<uint64_t>(available_memory());
  if (bytes > available / 10 * 9)
    return fmt::format(
        "a copy takes {:.3f} GB of memory, and {:.3f} GB are available, of which a tenth is left to the run: "
        "free memory, drop what `partialfc cache list` shows, or read from the disk (data.cache = \"none\")",
        gigabytes(bytes), gigabytes(available));
  return {};
}

void RamCache::drop_what_was_left() {
  for (const CachedSet& set : list())
    if (set.state == CachedSet::State::kLeftBehind || set.state == CachedSet::State::kUnfinished) drop(set);
}

std::vector<CachedSet> RamCache::list() const {
  std::vector<CachedSet> sets;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    auto lock = FolderLock::open(entry.path());
    if (!lock) continue;  // gone since
    CachedSet set{.folder = entry.path()};
    std::error_code gone;
    for (const auto& file : fs::directory_iterator(entry.path(), gone)) set.bytes += file.file_size(gone);
    const bool whole = entry.path().extension() != kUnfinished;
    if (whole && fs::exists(entry.path() / kSourceFile)) {
      set.source = read_text_file(entry.path() / kSourceFile);
      set.outdated = !fs::exists(set.source) || source_of(set.source).name != entry.path().filename();
    }
    if (lock->try_alone())
      set.state = !whole                                 ? CachedSet::State::kUnfinished
                  : fs::exists(entry.path() / kKeptFile) ? CachedSet::State::kKept
                                                         : CachedSet::State::kLeftBehind;
    sets.push_back(std::move(set));
  }
  std::ranges::sort(sets, {}, &CachedSet::folder);
  return sets;
}

bool RamCache::drop(const CachedSet& set) {
  auto lock = FolderLock::open(set.folder);
  if (!lock) return true;  // gone already
  if (!lock->try_alone()) return false;
  if (lock->is_in_place()) remove_copy(set.folder);
  return true;
}

}  // namespace partialfc
