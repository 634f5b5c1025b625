#include "partialfc/data/record_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "partialfc/base/fingerprint.h"
#include "partialfc/data/image_record.h"
#include "partialfc/data/text_lines.h"

namespace partialfc {

namespace {

namespace fs = std::filesystem;

fs::path sibling(fs::path rec, const char* extension) { return rec.replace_extension(extension); }

// Bytes read at once for an image, where the next one seems to be far: something else may lie between.
constexpr uint64_t kMostAtOnce = 1 << 20;

bool is_class_number(float label) {
  return std::abs(label) <= kMaxRecordClasses && label == std::floor(label);
}

}  // namespace

RecordSource::RecordSource(const fs::path& rec) : reader_(rec) {
  const fs::path idx = sibling(rec, ".idx");
  images_ = fs::exists(idx) ? load_index(idx) : scan();
  if (images_.empty()) fail("{}: holds no records", rec.string());
  const int64_t identities = drop_header_and_identities();
  if (images_.empty()) fail("{}: holds no images", rec.string());
  if (!std::ranges::is_sorted(images_, {}, &IndexEntry::offset))
    std::ranges::sort(images_, {}, &IndexEntry::offset);

  const fs::path property = rec.parent_path() / "property";
  if (fs::exists(property))
    num_classes_ = read_property(property).num_classes;
  else
    num_classes_ = identities > 0 ? identities : largest_label() + 1;
  if (num_classes_ > kMaxRecordClasses)
    fail("{}: {} classes, but the float32 labels of a .rec file tell at most {} apart; use a list (.lst)",
         rec.string(), num_classes_, kMaxRecordClasses);
  const fs::path names = sibling(rec, ".classes.txt");
  if (fs::exists(names)) load_class_names(names);
}

std::vector<IndexEntry> RecordSource::load_index(const fs::path& idx) const {
  auto entries = read_record_index(idx);
  for (const IndexEntry& entry : entries)
    if (entry.offset >= reader_.file_size())
      fail(
          "{}: key {} is at offset {}, but {} has {} bytes; "
          "the index is another file's or the .rec is cut short",
          idx.string(), entry.key, entry.offset, reader_.path().string(), reader_.file_size());
  return entries;
}

std::vector<IndexEntry> RecordSource::scan() const {
  RecordReader reader(reader_.path());
  std::vector<IndexEntry> entries;
  std::vector<std::byte> payload;
  for (uint64_t offset = 0; reader.next(payload); offset = reader.offset())
    entries.push_back({.key = entries.size(), .offset = offset});
  return entries;
}

int64_t RecordSource::drop_header_and_identities() {
  if (images_[0].key != 0) return 0;
  const ImageRecord header = load(images_[0]).record;
  if (header.labels.size() != 2 || !header.image.empty()) return 0;

  const double first_identity = header.labels[0];
  if (!(first_identity >= 1) || first_identity > 1e15)
    fail("{}: the header record says that identities begin at key {}", describe(int64_t{0}), first_identity);
  images_.erase(images_.begin());
  auto end = std::lower_bound(images_.begin(), images_.end(), static_cast<uint64_t>(first_identity),
                              [](const IndexEntry& entry, uint64_t key) { return entry.key < key; });
  if (first_identity > kMaxRecordClasses) {
    // The header's float32 is rounded: the border between images and identities is near it.
    while (end != images_.end() && holds_image(*end)) ++end;
    while (end != images_.begin() && !holds_image(*(end - 1))) --end;
  } else if (end - images_.begin() != static_cast<int64_t>(first_identity) - 1) {
    fail("{}: the header record says that images have keys 1 … {}, but the index holds {} of these",
         reader_.path().string(), first_identity - 1, end - images_.begin());
  }
  const int64_t identities = images_.end() - end;
  images_.erase(end, images_.end());
  return identities;
}

RecordSource::Loaded RecordSource::load(const IndexEntry& entry, size_t expected_bytes) const {
  try {
    Loaded loaded{.payload = reader_.read_at(entry.offset, expected_bytes)};
    loaded.record = parse_image_record(loaded.payload);
    return loaded;
  } catch (const Error& error) {
    throw SampleError(fmt::format("{}: {}", describe(entry), error.what()));
  }
}

bool RecordSource::holds_image(const IndexEntry& entry) const { return !load(entry).record.image.empty(); }

int64_t RecordSource::largest_label() const {
  int64_t largest = 0;
  for (int64_t i = 0; i < size(); ++i) {
    try {
      largest = std::max(largest, read(i).label);
    } catch (const SampleError&) {
      // Whoever reads the image is told.
    }
  }
  return largest;
}

void RecordSource::load_class_names(const fs::path& path) {
  class_names_.resize(num_classes_);
  for_each_line(read_text_file(path), [&](int64_t number, std::string_view line) {
    const size_t tab = line.find('\t');
    int64_t label = -1;
    if (tab == std::string_view::npos || !parse_number(line.substr(0, tab), label) || label < 0 ||
        label >= num_classes_)
      fail("{}, line {}: \"{}\" is not \"label <tab> name\" with a label below {}", path.string(), number,
           line.substr(0, 80), num_classes_);
    class_names_[label] = line.substr(tab + 1);
  });
}

std::string RecordSource::class_name(int64_t label) const {
  const bool known = label >= 0 && label < static_cast<int64_t>(class_names_.size());
  return known ? class_names_[label] : std::string();
}

EncodedImage RecordSource::read(int64_t index) const {
  const uint64_t length = end_of(index) - images_[index].offset;
  Loaded loaded = load(images_[index], std::min<uint64_t>(length, kMostAtOnce));
  const float label = loaded.record.labels[0];
  if (!is_class_number(label))
    throw SampleError(fmt::format("{}: label {} is not a class number", describe(index), label),
                      SkipKind::kBadLabel);
  if (loaded.record.image.empty())
    throw SampleError(fmt::format("{}: the record holds no image", describe(index)));
  loaded.payload.erase(loaded.payload.begin(), loaded.payload.end() - loaded.record.image.size());
  return {.bytes = std::move(loaded.payload), .label = static_cast<int64_t>(label)};
}

// Where the next image begins, or the file ends.
uint64_t RecordSource::end_of(int64_t index) const {
  return index + 1 < size() ? images_[index + 1].offset : reader_.file_size();
}

void RecordSource::read_ahead(Range images) const {
  try {
    reader_.read_ahead(images_[images.first].offset, end_of(images.last - 1));
  } catch (const Error&) {
    // Whoever reads an image there is told.
  }
}

std::string RecordSource::describe(int64_t index) const { return describe(images_[index]); }

std::string RecordSource::describe(const IndexEntry& entry) const {
  return fmt::format("{}, key {}", reader_.path().string(), entry.key);
}

uint64_t RecordSource::fingerprint() const {
  static_assert(std::has_unique_object_representations_v<IndexEntry>);
  Fingerprint all;
  all.add(std::as_bytes(std::span(images_)));
  all.add(static_cast<int64_t>(file_bytes()));
  return all.value();
}

}  // namespace partialfc
