// Images named by a list:
//
//   *.lst              lines "key \t label \t … \t path" (im2rec's); of several labels the first is used
//   any other name     lines "path label", separated by spaces or a tab; the path may hold spaces
//
// Paths are relative to the list's folder. Labels are whole numbers from 0; the number of classes is the largest + 1,
// at most kMaxListClasses. Empty lines are passed over; any other line that does not fit is an Error that names it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "partialfc/data/image_source.h"

namespace partialfc {

constexpr int64_t kMaxListClasses = (int64_t{1} << 31) - 1;

class ListSource : public ImageSource {
 public:
  explicit ListSource(const std::filesystem::path& list);

  int64_t size() const override { return static_cast<int64_t>(entries_.size()); }
  int64_t num_classes() const override { return num_classes_; }
  EncodedImage read(int64_t index) const override;
  std::string describe(int64_t index) const override;
  uint64_t fingerprint() const override;

 private:
  struct Entry {
    int64_t label;
    std::string_view path;  // into text_
  };

  std::filesystem::path folder_;
  std::vector<std::byte> text_;  // the list itself
  std::vector<Entry> entries_;
  int64_t num_classes_ = 0;
};

}  // namespace partialfc
