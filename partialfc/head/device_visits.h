// The visits on a device. The host waits for the device once a step, for the sums; it queues the rest ahead.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "partialfc/device/stream.h"
#include "partialfc/head/device_bring.h"
#include "partialfc/head/device_layer.h"
#include "partialfc/head/device_messages.h"
#include "partialfc/head/device_sizes.h"
#include "partialfc/head/device_update.h"

namespace partialfc {

template <class T>
class DeviceVisits final : public Visits {
 public:
  DeviceVisits(const PartialFCOptions& options, const RankShare& share, const DeviceVisitsOptions& device);

  CenterStore& store() override { return *store_; }
  void observe_rows(RowObserver* observer) override;

  void after(Request request) override { messages_->after(std::move(request)); }
  void wait_for_messages() override { messages_->wait(); }
  Exchange pack(const HostFeatures& batch) override;
  Exchange pack(const DeviceFeatures& batch) override;
  void set_batch() override;
  void activate(int64_t step) override;
  Message first_visit() override;
  Message largest_logits() override;
  Message first_visit_shifted() override;
  ReducedSums read_sums() override;
  double finish_softmax() override;
  Exchange feature_gradients() override;
  void finish_gradients(const HostFeatures& batch) override;
  void finish_gradients(const DeviceFeatures& batch) override;
  using Visits::clear_gradients;
  void clear_gradients(const DeviceFeatures& batch) override;
  void drop_last() override;
  bool is_pending() const override { return !pending_.empty(); }
  void update(const UpdateStep& step) override { begin_update(step).wait(); }
  Request begin_update(const UpdateStep& step) override;

 private:
  void begin_forward();
  DeviceFeatures batch_of(int64_t rows) const;
  void throw_what_was_counted() const;
  // Where Z⁻ begins among the sums, and how long its message is: Z⁻ (N), z_y (N), flag; behind them, where shifted, Z⁻ (N),
  // flag; then κ (N).
  Range message_of_sums() const {
    return forward_->is_shifted ? Range{2 * samples_ + 1, 3 * samples_ + 2} : Range{0, 2 * samples_ + 1};
  }
  Message finish_visit(bool with_targets);

  const PartialFCOptions options_;
  const Margin margin_;
  const RankShare share_;
  const int ordinal_;
  const int64_t rows_;  // of all ranks
  const DeviceSizes sizes_;
  const int64_t samples_;  // N
  std::optional<Stream> own_stream_;
  Stream& compute_;
  Stream update_stream_;
  Event computed_, updated_;
  std::unique_ptr<DeviceStore> store_;
  std::optional<DeviceBring> bring_;  // where rows lie in the host's memory
  std::unique_ptr<DeviceTiles<T>> tiles_;
  std::unique_ptr<DeviceUpdate<T>> second_visit_;
  RowObserver* observer_ = nullptr;

  std::vector<std::unique_ptr<DeviceForward<T>>> pending_, spare_;  // oldest first; for the next ones
  DeviceForward<T>* forward_ = nullptr;                             // the one begun last, while it is pending

  // The batch on the device, where it comes from the host.
  DeviceBuffer<float> features_, gradients_;  // (max_batch, D)
  DeviceBuffer<int64_t> labels_;
  PinnedBuffer<float> host_rows_;
  PinnedBuffer<int64_t> host_labels_;

  PinnedBuffer<int32_t> host_counts_;  // DeviceForward::counts

  // Goes first: where collectives under way are given up, the memory of all others is free again.
  std::unique_ptr<DeviceMessages> messages_;
};

}  // namespace partialfc
