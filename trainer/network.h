// A backbone run by libtorch: the operations of a Graph in their order, its parameters by the graph's names.
//
// All trainable parameters lie in one flat float32 buffer, their gradients in another, both in the order in which
// backward finishes them (last layers first): so that gradients are summed over the ranks, clipped and stepped as
// plain arrays. So do BatchNorm's running statistics, which the ranks average. Precision bf16 casts activations and
// weights of convolutions and linear layers to bfloat16; parameters, statistics and the embedding stay float32.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "partialfc/base/precision.h"
#include "partialfc/models/graph.h"

namespace partialfc {

struct NetworkOptions {
  Precision precision = Precision::kFloat32;
  bool channels_last = true;
  uint64_t seed = 0;  // of the parameters' first values
  torch::Device device = torch::kCPU;
};

class Network {
 public:
  struct Parameter {
    TensorSpec spec;
    torch::Tensor tensor;
    int64_t offset = -1;  // in its flat buffer: of weights and gradients, statistics or counts; −1: in none
    int64_t padded = 0;   // elements taken there; of what is trained a multiple of 16
  };

  Network(Graph graph, const NetworkOptions& options);

  const Graph& graph() const { return graph_; }
  const NetworkOptions& options() const { return options_; }
  // Parameters and buffers by name: what a file of weights holds.
  const std::vector<Parameter>& parameters() const { return parameters_; }
  // Trained parameters in the order of the flat buffers.
  const std::vector<const Parameter*>& trainable() const { return trainable_; }
  const torch::Tensor& weights() const { return weights_; }        // (n) float32, with padding
  const torch::Tensor& gradients() const { return gradients_; }    // of the same places
  const torch::Tensor& statistics() const { return statistics_; }  // running means and variances, float32
  void zero_gradients() { gradients_.zero_(); }

  // The buffers' values (running statistics, and how many batches they have seen), and back.
  struct Buffers {
    torch::Tensor statistics, counts;
  };
  Buffers copy_buffers() const { return {statistics_.clone(), counts_.clone()}; }
  void restore_buffers(const Buffers& values);
  // Of the sum over so many ranks their mean.
  void average_statistics(int ranks) { statistics_.div_(ranks); }

  // How a forward pass treats BatchNorm and dropout.
  struct Pass {
    bool training = false;          // batch statistics and dropout, else running statistics
    bool update_statistics = true;  // in training: move the running statistics
    int64_t step = 0;               // dropout's mask is a function of (seed, step, row of the global batch)
    int64_t first_row = 0;          // row of the global batch that pixels[0] is
  };
  // pixels: uint8 (n, H, W, C) → embeddings float32 (n, D), on the network's device. Keeps what backward needs while
  // gradients are enabled.
  torch::Tensor forward(const torch::Tensor& pixels, const Pass& pass);

 private:
  struct BoundOperation {
    Operation operation;
    std::vector<int> parameters;  // indices into parameters_, in the order of Graph::tensors_of
    std::vector<int> reads;       // indices of the operations whose outputs it takes
    int batch_norm = -1;          // kPRelu, kAdd: the BatchNorm before it that runs as a part of it
    bool runs_elsewhere = false;  // kBatchNorm: as a part of the operation after it
    int last_use = 0;             // index of the last operation that reads the output
  };

  void fuse_batch_norms();
  void place_in_flat_buffers();
  std::vector<int64_t> strides_of(const TensorSpec& spec) const;
  void initialize(Parameter& parameter) const;
  torch::Tensor to_input(const torch::Tensor& pixels) const;
  torch::Tensor run(const BoundOperation& bound, const std::vector<torch::Tensor>& values, const Pass& pass);
  // BatchNorm of x, then PReLU if `slope` is defined, or plus `residual` if that is.
  torch::Tensor batch_norm(const BoundOperation& bound, const torch::Tensor& x, const torch::Tensor& slope,
                           const torch::Tensor& residual, const Pass& pass);
  torch::Tensor dropout(const torch::Tensor& x, double rate, const Pass& pass) const;
  const torch::Tensor& tensor(const BoundOperation& bound, int index) const {
    return parameters_[bound.parameters[index]].tensor;
  }

  Graph graph_;
  NetworkOptions options_;
  std::vector<Parameter> parameters_;
  std::vector<const Parameter*> trainable_;
  std::vector<BoundOperation> operations_;
  torch::Tensor weights_, gradients_, statistics_;  // flat, float32
  torch::Tensor counts_;                            // int64
};

}  // namespace partialfc
