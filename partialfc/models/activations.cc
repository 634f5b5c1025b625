#include "partialfc/models/activations.h"

#include <algorithm>
#include <vector>

namespace partialfc {

int64_t activation_bytes(const Graph& graph, Precision precision) {
  using Kind = Operation::Kind;
  const std::vector<Operation>& operations = graph.operations();
  std::vector<bool> kept(operations.size());
  for (const Operation& reader : operations) {
    const bool keeps = reader.kind == Kind::kConv || reader.kind == Kind::kLinear ||
                       reader.kind == Kind::kBatchNorm || reader.kind == Kind::kDropout;
    for (const int input : reader.inputs) kept[input] = kept[input] || keeps;
  }
  int64_t elements = 0, largest = 0;
  for (size_t i = 0; i < operations.size(); ++i) {
    if (kept[i]) elements += operations[i].output.elements();
    largest = std::max(largest, operations[i].output.elements());
  }
  return (elements + 3 * largest) * size_of(precision);
}

}  // namespace partialfc
