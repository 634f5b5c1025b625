// A set of labelled, encoded images, by index 0 … size − 1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "partialfc/base/error.h"
#include "partialfc/base/parallel.h"
#include "partialfc/data/skip_report.h"

namespace partialfc {

// One image that cannot be had, or whose label is no class number. Its message begins with the image's describe().
class SampleError : public Error {
 public:
  explicit SampleError(const std::string& message, SkipKind kind = SkipKind::kUnreadable)
      : Error(message), kind_(kind) {}
  SkipKind kind() const { return kind_; }

 private:
  SkipKind kind_;
};

struct EncodedImage {
  std::vector<std::byte> bytes;  // JPEG or PNG
  int64_t label = 0;             // as the set says: not checked against num_classes()
};

// All members may be called from any number of threads.
class ImageSource {
 public:
  virtual ~ImageSource() = default;

  virtual int64_t size() const = 0;
  virtual int64_t num_classes() const = 0;
  // Empty where the set knows no names.
  virtual std::string class_name(int64_t label) const { return {}; }
  // Reads image `index`, or throws SampleError.
  virtual EncodedImage read(int64_t index) const = 0;
  // Where image `index` comes from, for messages: "faces/anna/1.jpg" or "train.rec, key 17".
  virtual std::string describe(int64_t index) const = 0;

  // Equal for two sources that hold the same images in the same order, as far as an index, a list or names tell: keys
  // and places in a .rec file, labels and paths below the set's folder. No image is read, and where the set lies does
  // not count. 0 of a source that nothing can be told of.
  virtual uint64_t fingerprint() const { return 0; }

  // Bytes of the one file in which all images lie, in the order of the index; 0 where there is none.
  virtual uint64_t file_bytes() const { return 0; }
  // Reads those of `images` forward, so that the system's cache holds them when read() comes. What cannot be read is
  // left to read() to tell. Nothing where there is no such file.
  virtual void read_ahead(Range images) const {}
};

// Opens what is at `path`:
//   a .rec file, or a folder that holds train.rec or a single .rec   → RecordSource (record_source.h)
//   any other folder                                                 → FolderSource (folder_source.h)
//   any other file: .lst, or lines "path label"                      → ListSource (list_source.h)
// A missing ".rec" may be left out of the path. Error where nothing fits says what was looked for; a set without images
// is an Error too.
std::unique_ptr<ImageSource> open_image_source(const std::filesystem::path& path);

// The .rec file that open_image_source() would open; empty where it would open something else or fail.
std::filesystem::path find_record_file(const std::filesystem::path& path);

}  // namespace partialfc
