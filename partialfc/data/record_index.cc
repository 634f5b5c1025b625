#include "partialfc/data/record_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "partialfc/base/error.h"
#include "partialfc/base/file.h"
#include "partialfc/data/text_lines.h"

namespace partialfc {

namespace {

bool by_key(const IndexEntry& a, const IndexEntry& b) { return a.key < b.key; }

IndexEntry parse_entry(const std::filesystem::path& path, int64_t number, std::string_view line) {
  IndexEntry entry;
  const size_t tab = line.find('\t');
  if (tab == std::string_view::npos || !parse_number(line.substr(0, tab), entry.key) ||
      !parse_number(line.substr(tab + 1), entry.offset))
    fail("{}, line {}: \"{}\" is not \"key <tab> offset\"", path.string(), number, line.substr(0, 80));
  return entry;
}

[[noreturn]] void fail_on_duplicate(const std::filesystem::path& path, std::string_view text, uint64_t key) {
  int64_t first = 0;
  for_each_line(text, [&](int64_t number, std::string_view line) {
    if (parse_entry(path, number, line).key != key) return;
    if (first != 0) fail("{}, line {}: key {} is on line {} already", path.string(), number, key, first);
    first = number;
  });
  PFC_CHECK(false, "key {} is there once", key);
  __builtin_unreachable();
}

}  // namespace

std::vector<IndexEntry> read_record_index(const std::filesystem::path& path) {
  const std::string text = read_text_file(path);
  std::vector<IndexEntry> entries;
  for_each_line(text, [&](int64_t number, std::string_view line) {
    entries.push_back(parse_entry(path, number, line));
  });
  if (!std::is_sorted(entries.begin(), entries.end(), by_key))
    std::sort(entries.begin(), entries.end(), by_key);
  const auto duplicate =
      std::adjacent_find(entries.begin(), entries.end(),
                         [](const IndexEntry& a, const IndexEntry& b) { return a.key == b.key; });
  if (duplicate != entries.end()) fail_on_duplicate(path, text, duplicate->key);
  return entries;
}

RecordSetInfo read_property(const std::filesystem::path& path) {
  const std::string text = read_text_file(path);
  std::string_view rest = text;
  while (!rest.empty() && (rest.back() == '\n' || rest.back() == '\r')) rest.remove_suffix(1);
  RecordSetInfo property;
  const size_t first = rest.find(','), second = rest.find(',', first + 1);
  const bool three = first != std::string_view::npos && second != std::string_view::npos;
  if (!three || !parse_number(rest.substr(0, first), property.num_classes) ||
      !parse_number(rest.substr(first + 1, second - first - 1), property.height) ||
      !parse_number(rest.substr(second + 1), property.width) || property.num_classes < 1)
    fail("{}: \"{}\" is not \"num_classes,height,width\"", path.string(), rest.substr(0, 80));
  return property;
}

void write_property(const std::filesystem::path& path, const RecordSetInfo& property) {
  write_file_atomically(path,
                        fmt::format("{},{},{}\n", property.num_classes, property.height, property.width));
}

}  // namespace partialfc
