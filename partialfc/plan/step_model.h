// Time of a training step, part by part, as trainer/trainer.cc runs it:
//
//     backbone_forward    F·n / rate                        F: FLOPs of the graph an image, n: images of a rank
//     all_gather          of (x, y)
//     head_forward        4·N·S·D / rate + rows read, E written
//     all_reduce          of (Z⁻, z_y, flag)
//     reduce_scatter      of ∂x̂
//     backbone_backward   2·F·n / rate; with micro-batches 3·F·n, since they are embedded again
//     head_update         2·N·S·D / rate + rows read and written, E read; 4·N·S·D for rows whose E was not kept
//     gradient_wait       what is left of the buckets' all_reduces when backward is done
//     backbone_step       parameters, gradients and optimizer's state, over the memory's bandwidth
//
// The rates are those of a rank. The head's update runs beside backward but on the same cores, so their times add; the
// buckets run beside backward, one after the other, each from when its gradients are complete. Time spent waiting for
// images is not in it: the loader works ahead.
#pragma once

#include <string>
#include <vector>

#include "partialfc/plan/collective_model.h"
#include "partialfc/plan/machine.h"
#include "partialfc/plan/training_shape.h"

namespace partialfc {

struct StepPart {
  std::string name;
  double seconds = 0;
};

// What a step's collectives move and cost. bytes: as Traffic counts them (comm/communicator.h).
struct PlannedCollective {
  std::string name;
  int64_t bytes = 0;
  CollectiveCost cost;
};

struct StepPlan {
  std::vector<StepPart> parts;
  std::vector<PlannedCollective> collectives;  // the head's three, then all buckets together
  double seconds = 0;                          // sum of the parts
};

// Arithmetic and memory traffic of the head's step on one rank.
struct HeadWork {
  double forward_flops = 0, update_flops = 0;
  double forward_bytes = 0, update_bytes = 0;
};
HeadWork head_work(const TrainingShape& shape);

// bucket_bytes: of the backbone's gradient, summed in parts of so many (trainer/gradient_reducer.h).
StepPlan plan_step(const TrainingShape& shape, const Machine& machine, int64_t bucket_bytes);

}  // namespace partialfc
