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
// 2·N·S·D for the logits, U and ∂ŵ each.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "partialfc/base/matrix.h"
#include "partialfc/base/parallel.h"
#include "partialfc/centers/file_store.h"
#include "partialfc/comm/communicator.h"
#include "partialfc/head/class_sampler.h"
#include "partialfc/head/margin.h"
#include "partialfc/kernels/optimizer_step.h"

namespace partialfc {

struct PartialFCOptions {
  int64_t num_classes = 0;  // C
  int64_t dim = 0;          // D
  int64_t max_batch = 0;    // the most rows any rank brings to a step; equal on all ranks
  double sample_rate = 1;   // r
  uint64_t seed = 0;
  Precision precision = Precision::kFloat32;  // of the products and of the stored rows
  MarginOptions margin;
  OptimizerOptions optimizer;
  // Where rows are that do not fit in memory; none: all are in memory.
  std::optional<FileStoreOptions> file_store;
  // What forward() may keep of E for update(), on this rank; what is past it is computed again, for a third more
  // arithmetic.
  int64_t kept_bytes = int64_t{4} << 30;
};

class RowPrefetch;

struct HeadStep {
  double loss = 0;            // mean over the samples of all ranks
  int64_t samples = 0;        // N: rows of all ranks whose label is not −1
  int64_t active = 0;         // active classes on this rank
  bool finite = true;         // false: an input or a sum was not; nothing is changed, gradients are zero
  bool out_of_range = false;  // the max-shifted path was taken
};

// Is told which rows update() will change, before it does: for snapshots, and for what a checkpoint has to write.
class RowObserver {
 public:
  virtual ~RowObserver() = default;
  virtual void before_change(std::span<const int64_t> slots) = 0;  // rising
};

class PartialFC {
 public:
  // Collective. Refuses more ranks than blocks of classes. `comm` is the head's own channel; both outlive the layer.
  PartialFC(const PartialFCOptions& options, Communicator& comm, ThreadTeam& team);
  ~PartialFC();

  // Collective. features (n, D), labels (n): this rank's rows, n <= max_batch, label −1: takes no part.
  // feature_gradients (n, D) ← ∂loss/∂features, of the mean over all ranks: sum the backbone's gradients over the ranks,
  // do not average them. `step` numbers the draw of negatives.
  HeadStep forward(int64_t step, MatrixView<const float> features, std::span<const int64_t> labels,
                   MatrixView<float> feature_gradients);

  // Steps the active centers with the gradients of the last forward() times gradient_scale. No communication; may run
  // beside the backbone's backward pass. Nothing happens after a step that was not finite, or had no samples.
  void update(double learning_rate, double gradient_scale = 1);

  const PartialFCOptions& options() const { return options_; }
  const ClassPlacement& placement() const { return placement_; }
  Range blocks() const { return blocks_; }  // of this rank
  CenterStore& store() { return *store_; }
  // Steps that update() has applied; AdamW's t. Part of the state: restore it with the rows.
  int64_t updates() const { return updates_; }
  void set_updates(int64_t updates) { updates_ = updates; }
  // observer: null for none; outlives the layer or is taken off.
  void observe_rows(RowObserver* observer) { observer_ = observer; }

 private:
  struct Step;  // what forward() leaves for update()

  void exchange_features(MatrixView<const float> features, std::span<const int64_t> labels);
  void activate_classes(int64_t step);
  void take_rows(std::span<const int64_t> positions);
  void make_room_for_values();
  template <class Use>
  void visit_tile(int thread, int64_t tile, std::span<float> sums, bool only_max, RowPrefetch& next, Use use);
  void visit_centers(bool only_max);
  void expect_rows_of(int64_t step);
  void reduce_sums();
  void reduce_sums_shifted();
  double finish_softmax();
  void scatter_feature_gradients(MatrixView<const float> features, std::span<const int64_t> labels,
                                 MatrixView<float> feature_gradients);

  const PartialFCOptions options_;
  const Margin margin_;
  Communicator& comm_;
  ThreadTeam& team_;
  const ClassPlacement placement_;
  const Range blocks_;
  const ClassSampler sampler_;
  std::unique_ptr<CenterStore> store_;
  std::unique_ptr<Step> step_;
  int64_t updates_ = 0;
  RowObserver* observer_ = nullptr;
};

}  // namespace partialfc
