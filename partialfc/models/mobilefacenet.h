// MobileFaceNet (Chen et al. 2018) in the PyTorch peer's sizes: twice the paper's channels, blocks (1, 4, 6, 2), 1×1
// expansion and projection round depthwise 3×3 convolutions, a global depthwise convolution before the embedding.
#pragma once

#include "partialfc/models/graph.h"

namespace partialfc {

Graph make_mobilefacenet(Shape input, int64_t embedding, double dropout);

}  // namespace partialfc
