// Embeddings of images by a trained backbone, and verification from them.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "partialfc/base/matrix.h"
#include "partialfc/base/parallel.h"
#include "partialfc/comm/communicator.h"
#include "partialfc/data/verification_pack.h"
#include "partialfc/eval/verification.h"

namespace partialfc {

class Network;

struct EmbedOptions {
  int64_t batch = 256;  // images at once
  bool mirror = true;   // embedding of the image plus that of its mirror image
};

// The encoded bytes of image i; called from several threads.
using ImageReader = std::function<std::vector<std::byte>(int64_t index)>;

// embeddings (count, D) ← the embeddings of images first … first + count − 1, not normalised. Images are decoded to the
// network's channels and resized to its size. An image that cannot be decoded is an Error that says which: `describe`.
void embed_images(Network& network, const EmbedOptions& options, ThreadTeam& team, int64_t first,
                  const ImageReader& read, const std::function<std::string(int64_t)>& describe,
                  MatrixView<float> embeddings);

// Collective in that each rank of `comm` decodes a share of the images. Throws Error, `name` before it, where
// verify_pack() would for what the pack holds: too few pairs, pairs of one kind, an image that cannot be decoded.
void check_pack(const VerificationPack& pack, const std::string& name, int channels, ThreadTeam& team,
                const Communicator& comm);

// The protocol of a pack (eval/verification.h), its images shared out over the ranks of `comm`: every rank gets the
// result. Collective. `name` stands in messages.
VerificationResult verify_pack(Network& network, const EmbedOptions& options, ThreadTeam& team,
                               Communicator& comm, const VerificationPack& pack, const std::string& name);

}  // namespace partialfc
