#include "partialfc/data/image_source.h"

#include <vector>

#include "partialfc/data/folder_source.h"
#include "partialfc/data/list_source.h"
#include "partialfc/data/record_source.h"

namespace partialfc {

namespace {

namespace fs = std::filesystem;

// The .rec file of a folder; empty where there is none.
fs::path find_rec(const fs::path& folder) {
  if (fs::exists(folder / "train.rec")) return folder / "train.rec";
  std::vector<fs::path> found;
  std::error_code code;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end; entry.increment(code))
    if (entry->path().extension() == ".rec") found.push_back(entry->path());
  if (code) fail("{}: cannot list the folder: {}", folder.string(), code.message());
  if (found.size() > 1)
    fail("{}: {} .rec files and none is train.rec ({}, {}, …); name the one to use", folder.string(),
         found.size(), found[0].filename().string(), found[1].filename().string());
  return found.empty() ? fs::path() : found[0];
}

}  // namespace

fs::path find_record_file(const fs::path& path) {
  std::error_code ignored;  // what cannot be looked at is not there
  if (fs::is_directory(path, ignored)) return find_rec(path);
  if (path.extension() == ".rec") return path;
  if (fs::exists(path, ignored)) return {};
  const fs::path rec = path.string() + ".rec";
  return fs::exists(rec, ignored) ? rec : fs::path();
}

std::unique_ptr<ImageSource> open_image_source(const fs::path& path) {
  if (const fs::path rec = find_record_file(path); !rec.empty()) return std::make_unique<RecordSource>(rec);
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return std::make_unique<FolderSource>(path);
  if (fs::exists(path, ignored)) return std::make_unique<ListSource>(path);
  fail(
      "{}: no images there: looked for a .rec file, a folder with a .rec file or with one folder a class, "
      "a .lst or text list, and for {}.rec",
      path.string(), path.string());
}

}  // namespace partialfc
