#include "partialfc/models/iresnet.h"

#include <fmt/format.h>

namespace partialfc {

namespace {

int add_block(Graph& graph, int input, const std::string& name, int64_t channels, int64_t stride) {
  const Shape& in = graph.operations()[input].output;
  const bool changes_shape = stride != 1 || in.channels != channels;
  int x = graph.batch_norm(input, name + ".bn1");
  x = graph.conv(x, name + ".conv1", channels, 3, 1, 1);
  x = graph.batch_norm(x, name + ".bn2");
  x = graph.prelu(x, name + ".prelu");
  x = graph.conv(x, name + ".conv2", channels, 3, stride, 1);
  x = graph.batch_norm(x, name + ".bn3");
  int shortcut = input;
  if (changes_shape) {
    shortcut = graph.conv(input, name + ".downsample.0", channels, 1, stride, 0);
    shortcut = graph.batch_norm(shortcut, name + ".downsample.1");
  }
  return graph.add(x, shortcut);
}

}  // namespace

Graph make_iresnet(const IResNetStages& stages, Shape input, int64_t embedding, double dropout) {
  Graph graph(input, Graph::WeightInit::kIResNet);
  int x = graph.conv(0, "conv1", stages.stem_channels, 3, stages.stem_stride, 1);
  x = graph.batch_norm(x, "bn1");
  x = graph.prelu(x, "prelu");
  for (size_t stage = 0; stage < stages.stages.size(); ++stage)
    for (int64_t block = 0; block < stages.stages[stage].blocks; ++block)
      x = add_block(graph, x, fmt::format("layer{}.{}", stage + 1, block), stages.stages[stage].channels,
                    block == 0 ? 2 : 1);
  x = graph.batch_norm(x, "bn2");
  x = graph.flatten(x);
  if (dropout > 0) x = graph.dropout(x, "dropout", dropout);
  x = graph.linear(x, "fc", embedding, true);
  graph.batch_norm(x, "features", false);
  return graph;
}

}  // namespace partialfc
