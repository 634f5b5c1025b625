#include "partialfc/head/partial_fc.h"

#include <algorithm>
#include <limits>

#include "partialfc/base/error.h"
#include "partialfc/head/options_agreement.h"
#include "partialfc/head/softmax_sums.h"
#include "partialfc/head/visits.h"
#include "partialfc/kernels/vector_ops.h"

namespace partialfc {

namespace {

// A forward half under way: given up where an exception ends it.
class PendingForward {
 public:
  explicit PendingForward(Visits& visits) : visits_(visits) {}
  ~PendingForward() {
    if (is_done_) return;
    try {
      visits_.drop_last();
    } catch (...) {
      // The exception under way is the first, and the one to tell.
    }
  }
  void keep() { is_done_ = true; }
  void drop() {
    is_done_ = true;
    visits_.drop_last();
  }

 private:
  Visits& visits_;
  bool is_done_ = false;
};

}  // namespace

RankShare share_of(const PartialFCOptions& options, Communicator& comm) {
  agreed(options, comm).validate();
  const ClassPlacement placement(options.num_classes, options.seed);
  if (comm.size() > placement.num_blocks())
    fail_usage("{} ranks for {} classes: at most {} ranks can share them; start fewer ranks", comm.size(),
               options.num_classes, placement.num_blocks());
  return {placement.blocks_of_rank(comm.rank(), comm.size()), comm.rank(), comm.size()};
}

PartialFC::PartialFC(const PartialFCOptions& options, Communicator& comm, ThreadTeam& team)
    : PartialFC(options, comm, make_cpu_visits(options, share_of(options, comm), team)) {}

PartialFC::PartialFC(const PartialFCOptions& options, Communicator& comm, std::unique_ptr<Visits> visits)
    : options_(options),
      comm_(comm),
      placement_(options.num_classes, options.seed),
      blocks_(placement_.blocks_of_rank(comm.rank(), comm.size())),
      visits_(std::move(visits)) {}

PartialFC::~PartialFC() = default;

StepResult PartialFC::forward(int64_t step, MatrixView<const float> features, std::span<const int64_t> labels,
                              MatrixView<float> feature_gradients) {
  PFC_CHECK(features.rows == std::ssize(labels) && features.rows <= options_.max_batch,
            "{} rows, {} labels, at most {}", features.rows, labels.size(), options_.max_batch);
  PFC_CHECK(features.cols == options_.dim && feature_gradients.cols == options_.dim &&
            feature_gradients.rows == features.rows);
  StepResult result;
  PendingForward pending(*visits_);
  const Exchange batch = visits_->pack(features, labels);
  comm_.all_gather(std::span<const float>(batch.mine), batch.all).wait();  // collective 1
  visits_->set_batch();
  visits_->activate(step);
  result.finite = reduce_sums(result);  // collective 2
  if (!result.finite) {
    pending.drop();
    result.loss = std::numeric_limits<double>::quiet_NaN();
    for (int64_t n = 0; n < features.rows; ++n) std::fill_n(feature_gradients[n], options_.dim, 0.0f);
    return result;
  }
  result.loss = visits_->finish_softmax();
  const Exchange gradients = visits_->feature_gradients();
  comm_.reduce_scatter(std::span<const float>(gradients.all), gradients.mine).wait();  // collective 3
  visits_->finish_gradients(features, labels, feature_gradients);
  if (result.samples > 0)
    pending.keep();
  else
    pending.drop();
  return result;
}

// AllReduce of (Z⁻, z_y, flag); where a Z⁻ is out of range, two more for the exact sums, with the largest logit of each
// sample as its shift. Returns whether the step is finite, the same on all ranks.
bool PartialFC::reduce_sums(StepResult& result) {
  comm_.all_reduce(visits_->first_visit()).wait();
  Visits::ReducedSums sums = visits_->read_sums();
  result.samples = sums.samples;
  result.active = sums.active;
  if (!sums.finite || in_range(sums.negatives)) return sums.finite;
  result.out_of_range = true;
  comm_.all_reduce(visits_->largest_logits(), ReduceOp::kMax).wait();
  comm_.all_reduce(visits_->first_visit_shifted()).wait();
  sums = visits_->read_sums();
  return sums.finite && all_finite(sums.negatives.data(), std::ssize(sums.negatives));
}

void PartialFC::update(double learning_rate, double gradient_scale) {
  if (!visits_->is_pending()) return;
  visits_->update({.learning_rate = learning_rate, .t = ++updates_, .gradient_scale = gradient_scale});
}

Request PartialFC::begin_update(double learning_rate, double gradient_scale) {
  if (!visits_->is_pending()) return {};
  return visits_->begin_update(
      {.learning_rate = learning_rate, .t = ++updates_, .gradient_scale = gradient_scale});
}

void PartialFC::drop_last() { visits_->drop_last(); }
CenterStore& PartialFC::store() { return visits_->store(); }
void PartialFC::observe_rows(RowObserver* observer) { visits_->observe_rows(observer); }

}  // namespace partialfc
