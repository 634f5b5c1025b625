#include "partialfc/head/options_agreement.h"

namespace partialfc {

// By structured bindings, so that an option that is added does not compile here until it is decided on.
std::vector<NamedValue> shared_values(const PartialFCOptions& options) {
  const auto text = [](auto value) { return fmt::format("{}", value); };
  const auto& [num_classes, dim, max_batch, sample_rate, seed, precision, margin, optimizer, file_store,
               kept_bytes] = options;
  const auto& [scale, m1, m2, m3, detached, filter_above] = resolve_margin(margin);
  const auto& [kind, momentum, weight_decay, beta1, beta2, epsilon] = optimizer;
  return {{"num_classes", text(num_classes)},
          {"dim", text(dim)},
          {"max_batch", text(max_batch)},
          {"sample_rate", text(sample_rate)},
          {"seed", text(seed)},
          {"precision", precision == Precision::kFloat32 ? "float32" : "bfloat16"},
          {"margin.scale", text(scale)},
          {"margin.m1", text(m1)},
          {"margin.m2", text(m2)},
          {"margin.m3", text(m3)},
          {"margin.detached", text(detached)},
          {"margin.filter_above", text(filter_above)},
          {"optimizer.kind", kind == OptimizerOptions::Kind::kSgd ? "SGD" : "AdamW"},
          {"optimizer.momentum", text(momentum)},
          {"optimizer.weight_decay", text(weight_decay)},
          {"optimizer.beta1", text(beta1)},
          {"optimizer.beta2", text(beta2)},
          {"optimizer.epsilon", text(epsilon)}};
}

const PartialFCOptions& agreed(const PartialFCOptions& options, Communicator& comm) {
  require_agreement(comm, shared_values(options), "give the layer the same options on all ranks");
  return options;
}

}  // namespace partialfc
