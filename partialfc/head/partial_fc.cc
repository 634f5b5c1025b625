#include "partialfc/head/partial_fc.h"

#include <algorithm>
#include <limits>

#include "partialfc/base/error.h"
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
  return run_forward(step, HostFeatures{features, labels, feature_gradients});
}

StepResult PartialFC::forward(int64_t step, const DeviceFeatures& batch) {
  PFC_CHECK(batch.features.rows == batch.labels.size && batch.labels.size <= options_.max_batch,
            "{} rows, {} labels, at most {}", batch.features.rows, batch.labels.size, options_.max_batch);
  PFC_CHECK(batch.features.cols == options_.dim && batch.gradients.cols == options_.dim &&
            batch.gradients.rows == batch.features.rows);
  return run_forward(step, batch);
}

template <class Features>
StepResult PartialFC::run_forward(int64_t step, const Features& batch) {
  StepResult result;
  PendingForward pending(*visits_);
  gather(visits_->pack(batch));  // collective 1
  visits_->set_batch();
  visits_->activate(step);
  result.finite = reduce_sums(result);  // collective 2
  if (!result.finite) {
    pending.drop();
    result.loss = std::numeric_limits<double>::quiet_NaN();
    visits_->clear_gradients(batch);
    return result;
  }
  result.loss = visits_->finish_softmax();
  scatter(visits_->feature_gradients());  // collective 3
  visits_->finish_gradients(batch);
  if (result.samples > 0)
    pending.keep();
  else
    pending.drop();
  return result;
}

void PartialFC::gather(const Exchange& message) {
  visits_->after(comm_.on_device()
                     ? comm_.all_gather(DeviceSpan<const float>(message.device_mine), message.device_all)
                     : comm_.all_gather(std::span<const float>(message.mine), message.all));
}

void PartialFC::reduce(const Message& message, ReduceOp op) {
  visits_->after(comm_.on_device() ? comm_.all_reduce(message.device, op)
                                   : comm_.all_reduce(message.host, op));
}

void PartialFC::scatter(const Exchange& message) {
  visits_->after(comm_.on_device()
                     ? comm_.reduce_scatter(DeviceSpan<const float>(message.device_all), message.device_mine)
                     : comm_.reduce_scatter(std::span<const float>(message.all), message.mine));
}

// AllReduce of (Z⁻, z_y, flag); where a Z⁻ is out of range, two more for the exact sums, with the largest logit of each
// sample as its shift. Returns whether the step is finite, the same on all ranks.
bool PartialFC::reduce_sums(StepResult& result) {
  reduce(visits_->first_visit());
  Visits::ReducedSums sums = visits_->read_sums();
  result.samples = sums.samples;
  result.active = sums.active;
  if (!sums.finite || in_range(sums.negatives)) return sums.finite;
  result.out_of_range = true;
  reduce(visits_->largest_logits(), ReduceOp::kMax);
  reduce(visits_->first_visit_shifted());
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

void PartialFC::wait_for_messages() { visits_->wait_for_messages(); }
void PartialFC::drop_last() { visits_->drop_last(); }
CenterStore& PartialFC::store() { return visits_->store(); }
void PartialFC::observe_rows(RowObserver* observer) { visits_->observe_rows(observer); }

}  // namespace partialfc
