// What lies beside a .rec file: its index (.idx) and the file `property`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace partialfc {

struct IndexEntry {
  uint64_t key = 0;
  uint64_t offset = 0;  // of the record, in bytes from the beginning of the .rec file
};

// Lines "key \t offset" in any order → entries sorted by key. A line that is none, or a key that is there twice, is an
// Error that names the line.
std::vector<IndexEntry> read_record_index(const std::filesystem::path& path);

// `property`: one line of text, "num_classes,height,width". Height and width are 0 where the images differ.
struct RecordSetInfo {
  int64_t num_classes = 0;
  int height = 0;
  int width = 0;
};

RecordSetInfo read_property(const std::filesystem::path& path);
void write_property(const std::filesystem::path& path, const RecordSetInfo& property);

}  // namespace partialfc
