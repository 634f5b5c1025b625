// Images of a RecordIO file, in one of two layouts:
//
//   plain (im2rec)   every record is an image
//   InsightFace      record 0 is a header without image and with labels (a, b): images have keys 1 … a − 1, and keys
//                    a … b − 1 are identities, whose records hold a range of image keys and no image
//
// Beside NAME.rec: NAME.idx (without it the whole .rec is scanned), `property` (num_classes; without it the number of
// identities, and without those the largest label + 1, for which every record is read), NAME.classes.txt
// (lines "label \t name"). A label is the first of its record's labels. Images are numbered as they lie in the file,
// so that whoever takes them in turn reads forward.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "partialfc/data/image_record.h"
#include "partialfc/data/image_source.h"
#include "partialfc/data/record_index.h"
#include "partialfc/data/record_io.h"

namespace partialfc {

// Labels are float32 in this format: with more classes than this, neighbours could not be told apart.
inline constexpr int64_t kMaxRecordClasses = int64_t{1} << 24;

class RecordSource : public ImageSource {
 public:
  explicit RecordSource(const std::filesystem::path& rec);

  int64_t size() const override { return static_cast<int64_t>(images_.size()); }
  int64_t num_classes() const override { return num_classes_; }
  std::string class_name(int64_t label) const override;
  EncodedImage read(int64_t index) const override;
  std::string describe(int64_t index) const override;
  uint64_t fingerprint() const override;
  uint64_t file_bytes() const override { return reader_.file_size(); }
  void read_ahead(Range images) const override;

 private:
  struct Loaded {
    std::vector<std::byte> payload;
    ImageRecord record;  // its image is a view into payload
  };

  std::vector<IndexEntry> load_index(const std::filesystem::path& idx) const;
  std::vector<IndexEntry> scan() const;
  // Leaves the images in images_; returns how many identities there are, 0 in a plain set.
  int64_t drop_header_and_identities();
  Loaded load(const IndexEntry& entry, size_t expected_bytes = RecordReader::kUsualBytes) const;
  uint64_t end_of(int64_t index) const;
  std::string describe(const IndexEntry& entry) const;
  bool holds_image(const IndexEntry& entry) const;
  int64_t largest_label() const;
  void load_class_names(const std::filesystem::path& path);

  RecordReader reader_;
  std::vector<IndexEntry> images_;  // by offset
  int64_t num_classes_ = 0;
  std::vector<std::string> class_names_;
};

}  // namespace partialfc
