#include "partialfc/data/folder_source.h"

#include <algorithm>
#include <map>

#include "partialfc/base/file.h"
#include "partialfc/base/fingerprint.h"

namespace partialfc {

namespace {

namespace fs = std::filesystem;

constexpr int kMaxDepth = 32;  // deeper than this, links go in a circle

using FilesByFolder = std::map<std::string, std::vector<std::string>>;

bool is_one_of(std::string_view extension, std::initializer_list<std::string_view> choices) {
  return std::find(choices.begin(), choices.end(), extension) != choices.end();
}

bool is_image(const fs::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension)
    if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
  if (is_one_of(extension, {".bmp", ".gif", ".tif", ".tiff", ".webp", ".jp2", ".heic", ".avif"}))
    fail("{}: {} images are not supported; convert them to JPEG or PNG", path.string(), extension);
  return is_one_of(extension, {".jpg", ".jpeg", ".png"});
}

// Adds the images in and below root/below to `found`.
void collect(const fs::path& root, const fs::path& below, int depth, FilesByFolder& found) {
  const fs::path folder = below.empty() ? root : root / below;
  if (depth > kMaxDepth)
    fail("{}: more than {} folders deep; do links go in a circle?", folder.string(), kMaxDepth);
  std::vector<std::string> images;
  std::error_code code;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end; entry.increment(code)) {
    const fs::path name = entry->path().filename();
    if (name.native().starts_with('.')) continue;
    std::error_code broken_link;
    if (entry->is_directory(broken_link))
      collect(root, below / name, depth + 1, found);
    else if (is_image(entry->path()))
      images.push_back(name.string());
  }
  if (code) fail("{}: cannot list the folder: {}", folder.string(), code.message());
  if (images.empty()) return;
  std::sort(images.begin(), images.end());
  found[below.string()] = std::move(images);
}

}  // namespace

FolderSource::FolderSource(fs::path root) : root_(std::move(root)) {
  FilesByFolder found;
  collect(root_, {}, 0, found);
  if (found.empty())
    fail("{}: no images found; looked for *.jpg, *.jpeg and *.png, one folder a class", root_.string());
  if (const auto direct = found.find(""); direct != found.end())
    fail("{}: {} images (such as {}) lie directly in it; each class needs a folder of its own",
         root_.string(), direct->second.size(), direct->second[0]);
  for (auto& [folder, names] : found) {
    const int64_t label = num_classes();
    classes_.push_back(folder);
    for (std::string& name : names) files_.push_back({.label = label, .name = std::move(name)});
  }
}

std::string FolderSource::class_name(int64_t label) const {
  return label >= 0 && label < num_classes() ? classes_[label] : std::string();
}

EncodedImage FolderSource::read(int64_t index) const {
  try {
    return {.bytes = read_binary_file(describe(index)), .label = files_[index].label};
  } catch (const Error& error) {
    throw SampleError(error.what());  // begins with the path
  }
}

std::string FolderSource::describe(int64_t index) const {
  const File& file = files_[index];
  return (root_ / classes_[file.label] / file.name).string();
}

uint64_t FolderSource::fingerprint() const {
  Fingerprint all;
  for (const std::string& name : classes_) all.add(name);
  for (const File& file : files_) all.add(file.label), all.add(file.name);
  return all.value();
}

}  // namespace partialfc
