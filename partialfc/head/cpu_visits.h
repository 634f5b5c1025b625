// The visits on the cores of a machine: tile by tile, each in the cache of one thread. Internal to head/.
#pragma once

#include <memory>
#include <vector>

#include "partialfc/base/task_threads.h"
#include "partialfc/centers/host_store.h"
#include "partialfc/head/cpu_forward.h"
#include "partialfc/head/cpu_update.h"
#include "partialfc/head/visits.h"

namespace partialfc {

class CpuVisits final : public Visits {
 public:
  CpuVisits(const PartialFCOptions& options, const RankShare& share, ThreadTeam& team);

  CenterStore& store() override { return *store_; }
  void observe_rows(RowObserver* observer) override;

  using Visits::pack;
  Exchange pack(const HostFeatures& batch) override;
  void set_batch() override;
  void activate(int64_t step) override;
  Message first_visit() override;
  Message largest_logits() override;
  Message first_visit_shifted() override;
  ReducedSums read_sums() override;
  double finish_softmax() override;
  Exchange feature_gradients() override;
  using Visits::finish_gradients;
  void finish_gradients(const HostFeatures& batch) override;
  void drop_last() override;
  bool is_pending() const override { return !pending_.empty(); }
  void update(const UpdateStep& step) override;
  Request begin_update(const UpdateStep& step) override;

 private:
  Exchange exchange(int64_t width);
  void visit_centers(TileVisit::Seek seek);
  void add_up_threads(TileVisit::Seek seek);
  bool all_is_finite(std::span<const float> target_logits) const;
  void release(std::unique_ptr<CpuForward> forward, bool changed);

  const PartialFCOptions options_;
  const Margin margin_;
  const RankShare share_;
  ThreadTeam& team_;
  const std::unique_ptr<HostCenterStore> store_;
  ClassActivation activation_;
  CpuUpdate second_visit_;
  RowObserver* observer_ = nullptr;

  std::vector<std::unique_ptr<CpuForward>> pending_;  // oldest first
  std::vector<std::unique_ptr<CpuForward>> spare_;    // for the next ones, with their memory
  CpuForward* forward_ = nullptr;                     // the one begun last, while it is pending

  std::vector<float> mine_, all_;  // messages of collectives 1 and 3
  std::vector<Matrix<float>> u_;   // U (N, D) of each thread, rows of padded_stride(D); the first: their sum
  std::vector<std::vector<float>> sums_;  // Z⁻ (N) of each thread, or maxima; the first: of all
  std::vector<char> finite_;              // of each thread: its norms and its part of U are
  std::vector<float> message_;            // of collective 2: Z⁻ (N), z_y (N), flag
  std::vector<float> shifted_message_;    // Z⁻ (N), flag
  std::span<const float> reduced_;        // the one of these that was reduced last
  std::vector<double> residuals_;         // (N)

  TaskThreads update_thread_{1};  // last: it uses all of the above
};

}  // namespace partialfc
