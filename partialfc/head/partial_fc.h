// PartialFC: margin-softmax over sampled class centers that are split over the ranks.
//
//     x̂ = x/max(‖x‖, ε),  ŵ_j = w_j/max(‖w_j‖, ε),  c_nj = x̂_n·ŵ_j,  z_nj = s·c_nj (j ≠ y),  z_ny = s·ψ(c_ny)
//     E_nj = exp(z_nj − κ),   Z⁻_n = Σ_{j ≠ y, active, all ranks} E_nj,   loss = mean_n log(1 + Z⁻_n / E_ny)
//
// Three collectives a step, whatever the options: AllGather of (x, y); AllReduce of (Z⁻_n, z_ny, a flag); ReduceScatter
// of ∂x̂. A step in which Z⁻ leaves float32's range takes two more, and says so in its result.
//
// A rank visits its active centers twice. forward() computes logits, Z⁻ and U_n = Σ_{j ≠ y} E_nj ŵ_j in one visit
// (∂x̂ follows from U, Z⁻ and the target's own term); update() computes ∂w and steps each row in the other. Arithmetic:
// 2·N·S·D for the logits, U and ∂ŵ each. Where and how that is computed is a Visits' affair (visits.h).
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "partialfc/base/matrix.h"
#include "partialfc/base/parallel.h"
#include "partialfc/centers/center_store.h"
#include "partialfc/comm/communicator.h"
#include "partialfc/head/partial_fc_options.h"

namespace partialfc {

class Visits;
struct DeviceFeatures;
struct Exchange;
struct Message;

// What forward() found.
struct StepResult {
  double loss = 0;            // mean over the samples of all ranks; NaN where the step is not finite
  int64_t samples = 0;        // N: rows of all ranks whose label is not −1
  int64_t active = 0;         // active classes on this rank
  bool finite = true;         // false: an input or a sum was not; nothing is changed, gradients are zero
  bool out_of_range = false;  // the max-shifted path was taken
};

class PartialFC {
 public:
  // Collective. Refuses more ranks than blocks of classes. `comm` is the head's own channel; both outlive the layer.
  PartialFC(const PartialFCOptions& options, Communicator& comm, ThreadTeam& team);
  // The same on any device: `visits` was made with these options and this rank's share (share_of).
  PartialFC(const PartialFCOptions& options, Communicator& comm, std::unique_ptr<Visits> visits);
  ~PartialFC();

  // Collective. features (n, D), labels (n): this rank's rows, n <= max_batch, label −1: takes no part.
  // feature_gradients (n, D) ← ∂loss/∂features, of the mean over all ranks: sum the backbone's gradients over the ranks,
  // do not average them. `step` numbers the draw of negatives.
  StepResult forward(int64_t step, MatrixView<const float> features, std::span<const int64_t> labels,
                     MatrixView<float> feature_gradients);

  // The same for rows on the device of the layer's visits, in the order of their stream: the host waits once, for the loss.
  // The last collective may then still be under way.
  StepResult forward(int64_t step, const DeviceFeatures& batch);
  // Waits for it. Call this before the host waits for the stream, which knows nothing of ranks: where one is late or lost, this
  // throws as any wait for a collective does, and the stream would wait for ever.
  void wait_for_messages();

  // Steps the active centers with the gradients of the forward() before, times gradient_scale. After several forwards the
  // gradients of all are added up and taken in one step; what was not finite, or had no samples, adds nothing, and where
  // that is all, nothing happens. No communication.
  void update(double learning_rate, double gradient_scale = 1);
  // The same beside what the caller does next, the backbone's backward pass: until the request has been waited for nothing
  // else of this layer may be called but forward(), which waits.
  Request begin_update(double learning_rate, double gradient_scale = 1);
  // Takes back the last forward(): as if it had not been.
  void drop_last();

  const PartialFCOptions& options() const { return options_; }
  const ClassPlacement& placement() const { return placement_; }
  Range blocks() const { return blocks_; }  // of this rank
  CenterStore& store();
  // Steps that update() has applied; AdamW's t. Part of the state: restore it with the rows.
  int64_t updates() const { return updates_; }
  void set_updates(int64_t updates) { updates_ = updates; }
  // observer: null for none; outlives the layer or is taken off.
  void observe_rows(RowObserver* observer);

 private:
  template <class Features>
  StepResult run_forward(int64_t step, const Features& batch);
  void gather(const Exchange& message);
  void reduce(const Message& message, ReduceOp op = ReduceOp::kSum);
  void scatter(const Exchange& message);
  bool reduce_sums(StepResult& result);

  const PartialFCOptions options_;
  Communicator& comm_;
  const ClassPlacement placement_;
  const Range blocks_;
  std::unique_ptr<Visits> visits_;
  int64_t updates_ = 0;
};

}  // namespace partialfc
