// The backbones by name.
//
//   iresnet18 … iresnet200   improved residual nets (Duta et al. 2020) with the ArcFace stem and head, for 112 × 112
//   mobilefacenet            depthwise-separable net (Chen et al. 2018), as wide as the PyTorch peer's
//   small                    the residual net for small images: its width, depth and stem are options
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "partialfc/models/graph.h"

namespace partialfc {

struct BackboneOptions {
  std::string name = "iresnet50";
  Shape input = {3, 112, 112};
  int64_t embedding = 512;  // D
  double dropout = 0;       // before the last linear layer
  // Of `small` alone:
  int64_t width = 32;       // channels of the first stage; each further stage has twice as many
  int64_t stages = 4;       // each halves height and width
  int64_t depth = 1;        // blocks of a stage
  int64_t stem_stride = 1;  // 1 or 2
};

std::span<const std::string> backbone_names();

// Throws UsageError for an unknown name (with the nearest one) or options that do not fit.
Graph make_backbone(const BackboneOptions& options);

}  // namespace partialfc
