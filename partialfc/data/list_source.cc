#include "partialfc/data/list_source.h"

#include <algorithm>
#include <cmath>

#include "partialfc/base/file.h"
#include "partialfc/base/fingerprint.h"
#include "partialfc/data/text_lines.h"

namespace partialfc {

namespace {

// A whole number, which im2rec writes as "3.000000".
bool parse_label(std::string_view text, int64_t& label) {
  double value = 0;
  if (!parse_number(text, value) || value != std::floor(value) || value < 0 || value > 9e18) return false;
  label = static_cast<int64_t>(value);
  return true;
}

// "key \t label \t … \t path"
bool parse_lst_line(std::string_view line, int64_t& label, std::string_view& path) {
  const size_t first = line.find('\t'), second = line.find('\t', first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) return false;
  path = line.substr(line.rfind('\t') + 1);
  return parse_label(line.substr(first + 1, second - first - 1), label) && !path.empty();
}

// "path label"
bool parse_text_line(std::string_view line, int64_t& label, std::string_view& path) {
  const size_t space = line.find_last_of(" \t");
  if (space == std::string_view::npos) return false;
  path = line.substr(0, line.find_last_not_of(" \t", space) + 1);
  return parse_label(line.substr(space + 1), label) && !path.empty();
}

}  // namespace

ListSource::ListSource(const std::filesystem::path& list)
    : folder_(list.parent_path()), text_(read_binary_file(list)) {
  const bool lst = list.extension() == ".lst";
  const std::string_view text(reinterpret_cast<const char*>(text_.data()), text_.size());
  int64_t largest_line = 0;  // that holds the largest label
  for_each_line(text, [&](int64_t number, std::string_view line) {
    if (line.empty()) return;
    Entry entry{};
    if (!(lst ? parse_lst_line : parse_text_line)(line, entry.label, entry.path))
      fail("{}, line {}: \"{}\" is not \"{}\" with a label from 0", list.string(), number, line.substr(0, 80),
           lst ? "key <tab> label <tab> path" : "path label");
    if (entry.label >= num_classes_) num_classes_ = entry.label + 1, largest_line = number;
    entries_.push_back(entry);
  });
  if (entries_.empty()) fail("{}: the list is empty", list.string());
  if (num_classes_ > kMaxListClasses)
    fail_usage("{}, line {}: label {} makes {} classes, at most {} are possible; is it a class number?",
               list.string(), largest_line, num_classes_ - 1, num_classes_, kMaxListClasses);
}

EncodedImage ListSource::read(int64_t index) const {
  try {
    return {.bytes = read_binary_file(describe(index)), .label = entries_[index].label};
  } catch (const Error& error) {
    throw SampleError(error.what());  // begins with the path
  }
}

std::string ListSource::describe(int64_t index) const { return (folder_ / entries_[index].path).string(); }

uint64_t ListSource::fingerprint() const {
  Fingerprint all;
  for (const Entry& entry : entries_) all.add(entry.label), all.add(entry.path);
  return all.value();
}

}  // namespace partialfc
