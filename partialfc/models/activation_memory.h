// What libtorch holds of a backbone's activations while trainer/network.h runs a training step, found by walking the
// graph forward and back.
//
// Autograd keeps the inputs of convolutions, BatchNorms, linear layers and PReLUs, each once however many operations read
// it; a BatchNorm that a PReLU or an addition follows runs as one operation with it, which keeps the BatchNorm's input
// alone. A tensor kept is free once backward has passed the first operation that reads it. In bfloat16 the weights'
// casts are kept too. On top, at each operation, backward holds the gradients that still wait for an operation, and the
// operation its workspace: the patches of a convolution that runs as a matrix product, and reordered weights.
#pragma once

#include <cstdint>

#include "partialfc/base/precision.h"
#include "partialfc/models/graph.h"

namespace partialfc {

// What the allocator takes beyond the activations, as a share of those that are kept, where nobody has measured it.
inline constexpr double kActivationSlack = 0.5;

struct ActivationMemory {
  int64_t kept = 0;  // bytes at the end of forward
  int64_t peak = 0;  // the most at once, in forward or backward

  // Bytes that are taken from the system.
  int64_t resident(double slack = kActivationSlack) const {
    return peak + static_cast<int64_t>(slack * static_cast<double>(kept));
  }
};

// batch: images that go through the backbone at once.
ActivationMemory activation_memory(const Graph& graph, int64_t batch, Precision precision);

}  // namespace partialfc
