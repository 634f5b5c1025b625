// The second visit on the cores of a machine: ∂ŵ = E · (weights · x̂) + the targets' terms, then each row's step. Internal to
// head/.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "partialfc/head/cpu_forward.h"
#include "partialfc/head/visits.h"
#include "partialfc/kernels/center_rows.h"

namespace partialfc {

class CpuUpdate {
 public:
  // team outlives the object. layout: of the rows.
  CpuUpdate(const PartialFCOptions& options, const RecordLayout& layout, ThreadTeam& team);

  // Steps the rows of these forward halves with the sum of their gradients; `observer`, unless null, hears of them first.
  void operator()(std::span<const std::unique_ptr<CpuForward>> forwards, const Visits::UpdateStep& step,
                  RowObserver* observer);

 private:
  static constexpr int64_t kGroup =
      64;  // rows whose gradients are made before they step: still in the cache then

  struct Work {                 // of a thread
    ReservedMemory gradients;   // float (kGroup, padded_stride(D))
    std::vector<float> record;  // (numbers of a record)
    std::vector<float> sums;    // (N), of tiles that are computed again
  };
  // The step of one row. gradient (D): ∂ŵ/‖w‖; changed.
  void step_row(const RowStep& step, int64_t position, float inverse_norm, float* gradient, std::byte* record,
                Work& work) const;
  template <class Use>
  void make_gradients(CpuForward& forward, int thread, Use use);
  void step_once(CpuForward& forward, const RowStep& step, RowObserver* observer);
  void step_with_sum(std::span<const std::unique_ptr<CpuForward>> forwards, const RowStep& step,
                     RowObserver* observer);

  const PartialFCOptions options_;
  const Margin margin_;
  const RecordLayout layout_;
  ThreadTeam& team_;
  std::vector<Work> work_;
  Matrix<float> sums_;  // of the gradients of several forward halves (rows of any, padded_stride(D))
};

}  // namespace partialfc
