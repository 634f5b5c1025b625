// The backbone's weights, and its optimizer's state, as safetensors files by the names of the parameters.
#pragma once

#include <filesystem>

#include "partialfc/formats/safetensors.h"
#include "trainer/network.h"

namespace partialfc {

constexpr const char* kBackboneFile = "backbone.safetensors";
constexpr const char* kOptimizerFile = "optimizer.safetensors";

// Parameters and buffers, in the shapes of the graph.
void write_weights(const std::filesystem::path& path, const Network& network, const TensorMetadata& metadata);
// Throws Error that names the first tensor that is missing, of another shape (with both shapes), or none of the
// backbone's.
void read_weights(const std::filesystem::path& path, Network& network);

// Moments of the optimizer: state k of parameter NAME is NAME.m (k = 0) or NAME.v. Each state is as long as the flat
// buffer of weights.
void write_optimizer_state(const std::filesystem::path& path, const Network& network,
                           std::span<const torch::Tensor> states, const TensorMetadata& metadata);
// Returns the file's metadata. Errors as of read_weights().
TensorMetadata read_optimizer_state(const std::filesystem::path& path, const Network& network,
                                    std::span<const torch::Tensor> states);

}  // namespace partialfc
