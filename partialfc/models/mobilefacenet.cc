#include "partialfc/models/mobilefacenet.h"

#include <fmt/format.h>

namespace partialfc {

namespace {

// A convolution, BatchNorm and PReLU: parameters name.layers.0, .1, .2.
int conv_block(Graph& graph, int x, const std::string& name, int64_t channels, int64_t kernel, int64_t stride,
               int64_t groups = 1) {
  x = graph.conv(x, name + ".layers.0", channels, kernel, stride, kernel / 2, groups);
  x = graph.batch_norm(x, name + ".layers.1");
  return graph.prelu(x, name + ".layers.2");
}

// Expand to `expanded` channels, 3×3 depthwise, project.
int depthwise(Graph& graph, int x, const std::string& name, int64_t channels, int64_t expanded,
              int64_t stride) {
  x = conv_block(graph, x, name + ".layers.0", expanded, 1, 1);
  x = conv_block(graph, x, name + ".layers.1", expanded, 3, stride, expanded);
  x = graph.conv(x, name + ".layers.2.layers.0", channels, 1, 1, 0);
  return graph.batch_norm(x, name + ".layers.2.layers.1");
}

int residual(Graph& graph, int x, const std::string& name, int64_t channels, int64_t expanded, int blocks) {
  for (int block = 0; block < blocks; ++block)
    x = graph.add(depthwise(graph, x, fmt::format("{}.layers.{}", name, block), channels, expanded, 1), x);
  return x;
}

}  // namespace

Graph make_mobilefacenet(Shape input, int64_t embedding, double dropout) {
  Graph graph(input, Graph::WeightInit::kHeFanOut);
  int x = conv_block(graph, 0, "layers.0", 128, 3, 2);
  x = conv_block(graph, x, "layers.1", 128, 3, 1, 64);
  x = depthwise(graph, x, "layers.2", 128, 128, 2);
  x = residual(graph, x, "layers.3", 128, 128, 4);
  x = depthwise(graph, x, "layers.4", 256, 256, 2);
  x = residual(graph, x, "layers.5", 256, 256, 6);
  x = depthwise(graph, x, "layers.6", 256, 512, 2);
  x = residual(graph, x, "layers.7", 256, 256, 2);
  x = conv_block(graph, x, "conv_sep", 512, 1, 1);
  x = graph.conv_to_point(x, "features.layers.0.layers.0");
  x = graph.batch_norm(x, "features.layers.0.layers.1");
  x = graph.flatten(x);
  if (dropout > 0) x = graph.dropout(x, "dropout", dropout);
  x = graph.linear(x, "features.layers.2", embedding, false);
  graph.batch_norm(x, "features.layers.3");
  return graph;
}

}  // namespace partialfc
