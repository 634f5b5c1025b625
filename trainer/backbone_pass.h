// One forward and backward pass of a backbone, to measure what it takes: random parameters, gray images, no head.
#pragma once

#include <cstdint>
#include <memory>

#include "partialfc/base/precision.h"
#include "partialfc/models/graph.h"

namespace partialfc {

class Network;

class BackbonePass {
 public:
  BackbonePass(const Graph& backbone, Precision precision, bool channels_last);
  ~BackbonePass();

  // `images`: 2 or more, since BatchNorm needs the variance of two rows.
  void run(int64_t images);

 private:
  std::unique_ptr<Network> network_;
};

}  // namespace partialfc
