// Improved residual nets: stem (3×3 convolution, BatchNorm, PReLU), stages of blocks
//
//     x → BatchNorm → conv 3×3 → BatchNorm → PReLU → conv 3×3, stride → BatchNorm → + x
//
// (x through a strided 1×1 convolution and BatchNorm where the shape changes), then BatchNorm, dropout, a linear layer
// to the embedding, and a BatchNorm of fixed weight (Deng et al. 2019, section 3.1; Duta et al. 2020).
#pragma once

#include <vector>

#include "partialfc/models/graph.h"

namespace partialfc {

struct IResNetStages {
  struct Stage {
    int64_t channels = 0, blocks = 0;
  };
  int64_t stem_channels = 64, stem_stride = 1;
  std::vector<Stage> stages;  // the first block of each has stride 2
};

Graph make_iresnet(const IResNetStages& stages, Shape input, int64_t embedding, double dropout);

}  // namespace partialfc
