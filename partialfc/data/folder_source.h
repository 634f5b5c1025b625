// Images of a folder tree: a folder that holds images is a class, named by its path below the root. Classes are
// numbered in the order of their names, images ordered by file name (both byte by byte).
//
// Images are *.jpg, *.jpeg and *.png in any case. Names that begin with a dot and files of other kinds (notes, lists)
// are passed over, but an image of a kind that cannot be decoded (*.webp, *.bmp, …) is an Error. Links are followed.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "partialfc/data/image_source.h"

namespace partialfc {

class FolderSource : public ImageSource {
 public:
  explicit FolderSource(std::filesystem::path root);

  int64_t size() const override { return static_cast<int64_t>(files_.size()); }
  int64_t num_classes() const override { return static_cast<int64_t>(classes_.size()); }
  std::string class_name(int64_t label) const override;
  EncodedImage read(int64_t index) const override;
  std::string describe(int64_t index) const override;
  uint64_t fingerprint() const override;

 private:
  struct File {
    int64_t label;
    std::string name;
  };

  std::filesystem::path root_;
  std::vector<std::string> classes_;  // paths below root_
  std::vector<File> files_;
};

}  // namespace partialfc
