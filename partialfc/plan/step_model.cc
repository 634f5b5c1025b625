#include "partialfc/plan/step_model.h"

#include <algorithm>
#include <numeric>

#include "partialfc/head/tile_arithmetic.h"
#include "partialfc/head/visits.h"

namespace partialfc {

namespace {

int64_t numbers_of(const std::vector<TensorSpec>& tensors) {
  int64_t sum = 0;
  for (const TensorSpec& spec : tensors)
    if (spec.trainable)
      sum += std::accumulate(spec.shape.begin(), spec.shape.end(), int64_t{1}, std::multiplies<>());
  return sum;
}

struct Buckets {
  int64_t bytes = 0;
  double seconds = 0;  // of their all_reduces
  double wait = 0;     // that is left when backward is done
  CollectiveAlgorithm algorithm = CollectiveAlgorithm::kRing;
};

// Backward fills buckets from the last parameters on; an operation takes its share of the backward FLOPs.
Buckets plan_buckets(const TrainingShape& shape, const Machine& machine, int64_t bucket_bytes,
                     double backward_seconds) {
  Buckets buckets;
  const std::vector<Operation>& operations = shape.backbone.operations();
  const double all_flops = static_cast<double>(std::max<int64_t>(1, shape.backbone.forward_flops()));
  double now = 0, channel_free = 0;
  int64_t waiting = 0;  // bytes in the bucket that is filled
  const auto send = [&] {
    const CollectiveCost cost = all_reduce_cost(machine.interconnect, shape.ranks, waiting);
    channel_free = std::max(channel_free, now) + cost.seconds;
    buckets.bytes += waiting;
    buckets.seconds += cost.seconds;
    buckets.algorithm = cost.algorithm;
    waiting = 0;
  };
  for (auto operation = operations.rbegin(); operation != operations.rend(); ++operation) {
    now += backward_seconds * static_cast<double>(shape.backbone.forward_flops_of(*operation)) / all_flops;
    waiting += kFloat * numbers_of(shape.backbone.tensors_of(*operation));
    if (waiting >= bucket_bytes) send();
  }
  if (waiting > 0) send();
  buckets.wait = std::max(0.0, channel_free - backward_seconds);
  return buckets;
}

}  // namespace

HeadWork head_work(const TrainingShape& shape) {
  const auto samples = static_cast<double>(shape.global_batch), dim = static_cast<double>(shape.dim());
  const auto active = static_cast<double>(shape.rank_active());
  const auto row = static_cast<double>(kept_row_bytes(shape.head_precision, shape.global_batch));
  const double kept = std::min(1.0, static_cast<double>(shape.kept_bytes) / (row * active));
  const double product = 2 * samples * active * dim, record = static_cast<double>(shape.record().bytes());
  return {.forward_flops = 2 * product,
          .update_flops = product * (2 - kept),
          .forward_bytes = active * (dim * static_cast<double>(size_of(shape.head_precision)) + kept * row),
          .update_bytes = active * (2 * record + kept * row)};
}

StepPlan plan_step(const TrainingShape& shape, const Machine& machine, int64_t bucket_bytes) {
  const Interconnect& net = machine.interconnect;
  const int ranks = shape.ranks;
  const double forward = static_cast<double>(shape.backbone.forward_flops()) *
                         static_cast<double>(shape.rank_batch()) / machine.backbone_flops;
  const double backward = (shape.micro_batches > 1 ? 3 : 2) * forward;
  const HeadWork head = head_work(shape);
  const auto head_seconds = [&](double flops, double bytes) {
    return flops / machine.head_flops + bytes / machine.memory_bandwidth;
  };

  const int64_t gathered = shape.rank_batch() * message_width(shape.dim()) * kFloat,
                sums = (2 * shape.global_batch + 1) * kFloat,
                scattered = shape.rank_batch() * shape.dim() * kFloat;
  const CollectiveCost gather = all_gather_cost(net, ranks, gathered),
                       reduce = all_reduce_cost(net, ranks, sums),
                       scatter = reduce_scatter_cost(net, ranks, scattered);
  const Buckets buckets = ranks > 1 ? plan_buckets(shape, machine, bucket_bytes, backward) : Buckets{};

  // Clearing the gradient, its norm, and the step itself, which reads and writes weights and state.
  const int states = shape.optimizer.states();
  const auto step_bytes =
      static_cast<double>(shape.backbone.parameter_count() * kFloat * (1 + 1 + 1 + 2 + 2 * states));

  StepPlan plan;
  plan.parts = {{"backbone_forward", forward},
                {"all_gather", gather.seconds},
                {"head_forward", head_seconds(head.forward_flops, head.forward_bytes)},
                {"all_reduce", reduce.seconds},
                {"reduce_scatter", scatter.seconds},
                {"backbone_backward", backward},
                {"head_update", head_seconds(head.update_flops, head.update_bytes)},
                {"gradient_wait", buckets.wait},
                {"backbone_step", step_bytes / machine.memory_bandwidth}};
  plan.collectives = {{"all_gather", gathered * ranks, gather},
                      {"all_reduce", sums, reduce},
                      {"reduce_scatter", scattered * ranks, scatter},
                      {"gradients", buckets.bytes, {buckets.algorithm, buckets.seconds}}};
  for (const StepPart& part : plan.parts) plan.seconds += part.seconds;
  return plan;
}

}  // namespace partialfc
