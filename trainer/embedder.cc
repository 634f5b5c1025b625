#include "trainer/embedder.h"

#include <algorithm>
#include <cstring>

#include "partialfc/base/error.h"
#include "partialfc/data/image_codec.h"
#include "partialfc/data/image_ops.h"
#include "partialfc/data/image_source.h"
#include "partialfc/data/resize.h"
#include "trainer/compute_device.h"
#include "trainer/network.h"

namespace partialfc {

namespace {

// Decodes image `index` to the rows of `pixels` at `row`, and its mirror image `mirror_offset` rows further.
void decode_into(torch::Tensor& pixels, int64_t row, int64_t mirror_offset,
                 const std::vector<std::byte>& encoded, Shape shape) {
  Image image = resize(decode_image(encoded, static_cast<int>(shape.channels)),
                       static_cast<int>(shape.height), static_cast<int>(shape.width));
  const int64_t bytes = shape.elements();
  uint8_t* out = pixels.data_ptr<uint8_t>();
  std::memcpy(out + row * bytes, image.pixels.data(), bytes);
  if (mirror_offset == 0) return;
  mirror(image);
  std::memcpy(out + (row + mirror_offset) * bytes, image.pixels.data(), bytes);
}

}  // namespace

void embed_images(Network& network, const EmbedOptions& options, ThreadTeam& team, int64_t first,
                  const ImageReader& read, const std::function<std::string(int64_t)>& describe,
                  MatrixView<float> embeddings) {
  torch::NoGradGuard no_grad;
  const Shape shape = network.graph().input();
  PFC_CHECK(embeddings.cols == network.graph().embedding());
  for (int64_t done = 0; done < embeddings.rows; done += options.batch) {
    const int64_t count = std::min(options.batch, embeddings.rows - done);
    torch::Tensor pixels = torch::empty(
        {options.mirror ? 2 * count : count, shape.height, shape.width, shape.channels}, torch::kUInt8);
    team.for_each_part(0, count, [&](int, int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t index = first + done + i;
        try {
          decode_into(pixels, i, options.mirror ? count : 0, read(index), shape);
        } catch (const SampleError&) {  // names the image already
          throw;
        } catch (const Error& error) {
          fail("{}: {}", describe(index), error.what());
        }
      }
    });
    torch::Tensor embedded = network.forward(to_device(pixels, network.options().device), {});
    if (options.mirror) embedded = embedded.narrow(0, 0, count) + embedded.narrow(0, count, count);
    embedded = embedded.cpu().contiguous();
    std::copy_n(embedded.data_ptr<float>(), count * embeddings.cols, embeddings[done]);
  }
}

void check_pack(const VerificationPack& pack, const std::string& name, int channels, ThreadTeam& team,
                const Communicator& comm) {
  try {
    check_pairs(pack.same);
  } catch (const Error& error) {
    fail("{}: {}", name, error.what());
  }
  const Range mine = part_of(std::ssize(pack.images), comm.size(), comm.rank());
  team.for_each_part(mine.first, mine.last, [&](int, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      try {
        decode_image(pack.images[i], channels);
      } catch (const Error& error) {
        fail("{}: image {}: {}", name, i, error.what());
      }
    }
  });
}

VerificationResult verify_pack(Network& network, const EmbedOptions& options, ThreadTeam& team,
                               Communicator& comm, const VerificationPack& pack, const std::string& name) {
  const int64_t images = std::ssize(pack.images), dim = network.graph().embedding();
  const int64_t share = (images + comm.size() - 1) / comm.size();  // the last rank's may be shorter
  const int64_t first = std::min(images, share * comm.rank()), count = std::min(share, images - first);
  Matrix<float> mine(share, dim), all(share * comm.size(), dim);
  embed_images(
      network, options, team, first, [&](int64_t index) { return pack.images[index]; },
      [&](int64_t index) { return fmt::format("{}: image {}", name, index); },
      mine.view().rows_from(0, count));
  comm.all_gather(std::span<const float>(mine.data(), mine.size()), std::span(all.data(), all.size())).wait();
  return verify_pairs(all.view().rows_from(0, images), pack.same);
}

}  // namespace partialfc
