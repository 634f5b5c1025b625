// Embeddings of a whole set of images, as files: OUTPUT.npy, (images, D) float32, and OUTPUT.keys.tsv, a line an image:
// row, label and what the image is called, with tabs between.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "partialfc/base/parallel.h"
#include "partialfc/data/image_source.h"
#include "trainer/embedder.h"

namespace partialfc {

struct EmbedSetOptions {
  EmbedOptions embed;
  bool normalize = false;                                     // rows of length 1
  std::string output;                                         // without its two extensions
  std::function<void(int64_t done, int64_t total)> progress;  // called after each batch; may be empty
};

struct EmbeddedSet {
  int64_t images = 0, dim = 0;
  std::filesystem::path embeddings, keys;  // the files
};

// Throws Error that names the image where one cannot be read or decoded.
EmbeddedSet embed_set(Network& network, const ImageSource& source, const EmbedSetOptions& options,
                      ThreadTeam& team);

}  // namespace partialfc
