#include "trainer/embed_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "partialfc/base/file.h"
#include "partialfc/formats/npy.h"
#include "trainer/network.h"

namespace partialfc {

namespace {

void normalize_rows(MatrixView<float> rows) {
  for (int64_t i = 0; i < rows.rows; ++i) {
    double square = 0;
    for (int64_t d = 0; d < rows.cols; ++d) square += double{rows(i, d)} * rows(i, d);
    const auto inverse = static_cast<float>(1 / std::max(std::sqrt(square), 1e-12));
    for (int64_t d = 0; d < rows.cols; ++d) rows(i, d) *= inverse;
  }
}

}  // namespace

EmbeddedSet embed_set(Network& network, const ImageSource& source, const EmbedSetOptions& options,
                      ThreadTeam& team) {
  const EmbeddedSet set{.images = source.size(),
                        .dim = network.graph().embedding(),
                        .embeddings = options.output + ".npy",
                        .keys = options.output + ".keys.tsv"};
  NpyWriter<float> embeddings(set.embeddings, set.dim);
  OutputFile keys(set.keys);
  const int64_t batch = options.embed.batch;
  Matrix<float> rows(batch, set.dim);
  std::vector<int64_t> labels(batch);
  for (int64_t first = 0; first < set.images; first += batch) {
    const int64_t count = std::min(batch, set.images - first);
    const auto part = rows.view().rows_from(0, count);
    embed_images(
        network, options.embed, team, first,
        [&](int64_t index) {
          EncodedImage image = source.read(index);
          labels[index - first] = image.label;
          return std::move(image.bytes);
        },
        [&](int64_t index) { return source.describe(index); }, part);
    if (options.normalize) normalize_rows(part);
    embeddings.append(part);
    for (int64_t i = 0; i < count; ++i)
      keys.write(fmt::format("{}\t{}\t{}\n", first + i, labels[i], source.describe(first + i)));
    if (options.progress) options.progress(first + count, set.images);
  }
  embeddings.close();
  keys.close();
  return set;
}

}  // namespace partialfc
