#include "partialfc/models/backbones.h"

#include <array>

#include "partialfc/base/error.h"
#include "partialfc/base/nearest_name.h"
#include "partialfc/models/iresnet.h"
#include "partialfc/models/mobilefacenet.h"

namespace partialfc {

namespace {

struct NamedDepths {
  const char* name;
  std::array<int64_t, 4> blocks;
};

constexpr NamedDepths kIResNets[] = {
    {"iresnet18", {2, 2, 2, 2}},    {"iresnet34", {3, 4, 6, 3}},    {"iresnet50", {3, 4, 14, 3}},
    {"iresnet100", {3, 13, 30, 3}}, {"iresnet200", {6, 26, 60, 6}},
};

IResNetStages small_stages(const BackboneOptions& options) {
  if (options.width < 1 || options.width > 4096)
    fail_usage("backbone.width = {}: must be 1 to 4096", options.width);
  if (options.stages < 1 || options.stages > 6)
    fail_usage("backbone.stages = {}: must be 1 to 6", options.stages);
  if (options.depth < 1 || options.depth > 100)
    fail_usage("backbone.depth = {}: must be 1 to 100", options.depth);
  if (options.stem_stride < 1 || options.stem_stride > 2)
    fail_usage("backbone.stem_stride = {}: must be 1 or 2", options.stem_stride);
  IResNetStages stages{.stem_channels = options.width, .stem_stride = options.stem_stride};
  for (int64_t stage = 0; stage < options.stages; ++stage)
    stages.stages.push_back({.channels = options.width << stage, .blocks = options.depth});
  return stages;
}

}  // namespace

std::span<const std::string> backbone_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const NamedDepths& net : kIResNets) all.emplace_back(net.name);
    all.emplace_back("mobilefacenet");
    all.emplace_back("small");
    return all;
  }();
  return names;
}

Graph make_backbone(const BackboneOptions& options) {
  if (options.embedding < 1) fail_usage("backbone.embedding = {}: must be positive", options.embedding);
  for (const NamedDepths& net : kIResNets) {
    if (options.name != net.name) continue;
    IResNetStages stages{.stem_channels = 64, .stem_stride = 1};
    for (size_t i = 0; i < net.blocks.size(); ++i)
      stages.stages.push_back({.channels = int64_t{64} << i, .blocks = net.blocks[i]});
    return make_iresnet(stages, options.input, options.embedding, options.dropout);
  }
  if (options.name == "mobilefacenet")
    return make_mobilefacenet(options.input, options.embedding, options.dropout);
  if (options.name == "small")
    return make_iresnet(small_stages(options), options.input, options.embedding, options.dropout);
  fail_usage("backbone.name = '{}' is unknown{}", options.name, did_you_mean(options.name, backbone_names()));
}

}  // namespace partialfc
