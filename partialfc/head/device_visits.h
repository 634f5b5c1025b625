// The visits on a device: tiles of some thousand classes, whose products stay in the device's level-2 cache until they are
// terms of the softmax sum. Internal to head/.
//
// T: number format of the rows and of the products' operands, float or BFloat16. Sizes are of the most there can be: N all
// rows of the padded global batch, S the capacity of the activation; what is past the count of a step is 0.
#pragma once

#include <memory>
#include <vector>

#include "partialfc/centers/device_store.h"
#include "partialfc/head/device_activation.h"
#include "partialfc/head/device_batch.h"
#include "partialfc/head/visits.h"
#include "partialfc/kernels/device_products.h"
#include "partialfc/kernels/device_softmax.h"

namespace partialfc {

// What a forward half leaves for the update.
template <class T>
struct DeviceForward {
  DeviceForward(const PartialFCOptions& options, const RankShare& share, int64_t samples);

  DeviceActivation activation;
  DeviceBuffer<float> inverse_norms;               // (S)
  DeviceBuffer<T> values;                          // E/‖w‖ of the kept tiles, then of one more: (rows, N)
  int64_t kept_classes = 0;                        // whole tiles of them
  DeviceBuffer<int64_t> labels;                    // (N)
  DeviceBuffer<float> features;                    // x̂ (N, D)
  DeviceBuffer<T> operand, weighted;               // x̂ and weights · x̂ (N, padded D)
  DeviceBuffer<int32_t> sample_count, not_finite;  // (1)
  DeviceBuffer<float> cosines, weights, coefficients, shifts;  // (N)
  bool is_shifted = false;

  // For a RowObserver: the slots as the host sees them, once the sums have been read.
  PinnedBuffer<int32_t> host_slots;  // (S)
};

template <class T>
class DeviceVisits final : public Visits {
 public:
  DeviceVisits(const PartialFCOptions& options, const RankShare& share, int ordinal,
               std::unique_ptr<DeviceProducts<T>> products, int64_t tile_classes);

  CenterStore& store() override { return *store_; }
  void observe_rows(RowObserver* observer) override;

  Exchange pack(MatrixView<const float> features, std::span<const int64_t> labels) override;
  void set_batch() override;
  void activate(int64_t step) override;
  std::span<float> first_visit() override;
  std::span<float> largest_logits() override;
  std::span<float> first_visit_shifted() override;
  ReducedSums read_sums() override;
  double finish_softmax() override;
  Exchange feature_gradients() override;
  void finish_gradients(MatrixView<const float> features, std::span<const int64_t> labels,
                        MatrixView<float> gradients) override;
  void drop_last() override;
  bool is_pending() const override { return !pending_.empty(); }
  void update(const UpdateStep& step) override;
  Request begin_update(const UpdateStep& step) override;

 private:
  struct Tile {
    Range classes;  // active indices
    bool kept = false;
    DeviceMatrix<T> values, centers;
  };
  int64_t tiles() const;
  Tile tile(const DeviceForward<T>& forward, int64_t index) const;
  DeviceTile terms_of(const DeviceForward<T>& forward, Range classes) const;
  void make_values(DeviceForward<T>& forward, const Tile& tile, Stream& stream);
  void visit_for_sums(bool with_targets);
  DeviceSums<T> sums_of(const DeviceForward<T>& forward) const;
  template <class Use>
  void make_gradients(DeviceForward<T>& forward, Use use);
  void step_once(DeviceForward<T>& forward, const RowStep& step);
  void step_with_sum(const RowStep& step);
  uint64_t rounding_key_of(int64_t t) const;

  const PartialFCOptions options_;
  const Margin margin_;
  const RankShare share_;
  const int ordinal_;
  const int64_t rows_, samples_, padded_dim_;  // of all ranks; N; D padded
  Stream compute_, update_stream_;
  Event updated_;
  std::unique_ptr<DeviceStore> store_;
  std::unique_ptr<DeviceProducts<T>> products_;
  RowObserver* observer_ = nullptr;

  std::vector<std::unique_ptr<DeviceForward<T>>> pending_, spare_;
  DeviceForward<T>* forward_ = nullptr;
  int64_t tile_classes_ = 0, capacity_ = 0;

  // Of several forward halves before one update: the rows of any of them, and the sums of their gradients.
  DeviceBuffer<int32_t> row_of_slot_, summed_slots_, summed_count_, no_targets_;
  DeviceBuffer<float> summed_norms_, summed_gradients_;

  DeviceBuffer<T> centers_;        // rows of the kept tiles, then of one more: (rows, padded D)
  DeviceBuffer<float> gradients_;  // of a tile (T, D)
  DeviceBuffer<float> partial_;    // sums or maxima of chunks (chunks, N)
  DeviceBuffer<float> u_;          // U (N, D)
  DeviceBuffer<float> messages_;   // of collectives 1 and 3, all ranks'
  DeviceBuffer<float> mine_;       // this rank's
  DeviceBuffer<float> batch_features_, batch_gradients_;  // (max_batch, D)
  DeviceBuffer<int64_t> batch_labels_;
  DeviceBuffer<float> sums_;  // Z⁻ (N), z_y (N), flag; then, where shifted, Z⁻ (N), flag
  PinnedBuffer<float> host_mine_, host_all_, host_sums_, host_shifts_;
  PinnedBuffer<int64_t> host_labels_;
  PinnedBuffer<int32_t> host_count_;
};

struct DeviceVisitsOptions {
  int ordinal = 0;           // of the device
  int64_t tile_classes = 0;  // 0: as many as its cache holds
};
std::unique_ptr<Visits> make_device_visits(const PartialFCOptions& options, const RankShare& share,
                                           const DeviceVisitsOptions& device);

}  // namespace partialfc
