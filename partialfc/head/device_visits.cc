#include "partialfc/head/device_visits.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "partialfc/base/error.h"
#include "partialfc/base/trace.h"
#include "partialfc/head/cpu_forward.h"
#include "partialfc/head/softmax_sums.h"

namespace partialfc {

namespace {

int64_t chunks_of(int64_t classes) { return (classes + kClassesOfChunk - 1) / kClassesOfChunk; }

// An update that is done when the device is.
class UpdateOnDevice final : public Request::Operation {
 public:
  explicit UpdateOnDevice(const Event& event) : event_(event) {}
  bool finished() override { return event_.is_done(); }
  void wait() override { event_.synchronize(); }

 private:
  const Event& event_;
};

}  // namespace

template <class T>
DeviceForward<T>::DeviceForward(const PartialFCOptions& options, const RankShare& share, int64_t samples)
    : activation(
          ClassPlacement(options.num_classes, options.seed), share.blocks,
          ClassSampler(ClassPlacement(options.num_classes, options.seed), options.sample_rate, options.seed),
          samples),
      inverse_norms(activation.capacity()),
      labels(samples),
      features(samples * options.dim),
      operand(samples * padded_for_device(options.dim)),
      weighted(samples * padded_for_device(options.dim)),
      sample_count(1),
      not_finite(1),
      cosines(samples),
      weights(samples),
      coefficients(samples),
      shifts(samples),
      host_slots(activation.capacity()) {}

template <class T>
DeviceVisits<T>::DeviceVisits(const PartialFCOptions& options, const RankShare& share, int ordinal,
                              std::unique_ptr<DeviceProducts<T>> products, int64_t tile_classes)
    : options_(options),
      margin_(resolve_margin(options.margin)),
      share_(share),
      ordinal_((runtime::use_device(ordinal), ordinal)),
      rows_(options.max_batch * share.ranks),
      samples_(padded_for_device(rows_)),
      padded_dim_(padded_for_device(options.dim)),
      products_(std::move(products)) {
  const ClassPlacement placement(options.num_classes, options.seed);
  store_ = std::make_unique<DeviceStore>(
      placement, placement.positions_of_blocks(share.blocks),
      RecordLayout{.dim = options.dim, .states = options.optimizer.states(), .precision = options.precision},
      options.seed);
  spare_.push_back(std::make_unique<DeviceForward<T>>(options, share, samples_));
  capacity_ = spare_.back()->activation.capacity();
  tile_classes_ = std::min(tile_classes, capacity_);
  // Whole tiles, but for the last of all.
  const int64_t bytes_of_class = samples_ * int64_t{sizeof(T)};
  int64_t kept = options.kept_bytes / bytes_of_class;
  kept = kept >= capacity_ ? capacity_ : kept / tile_classes_ * tile_classes_;
  spare_.back()->kept_classes = kept;
  const int64_t places = kept < capacity_ ? kept + tile_classes_ : kept;
  spare_.back()->values = DeviceBuffer<T>(places * samples_);
  centers_ = DeviceBuffer<T>(places * padded_dim_);
  gradients_ = DeviceBuffer<float>(tile_classes_ * padded_dim_);
  int64_t chunks = 0;
  for (int64_t i = 0; i < tiles(); ++i) chunks += chunks_of(tile(*spare_.back(), i).classes.size());
  partial_ = DeviceBuffer<float>(chunks * samples_);
  u_ = DeviceBuffer<float>(samples_ * padded_dim_);
  messages_ = DeviceBuffer<float>(rows_ * (options.dim + 2));
  mine_ = DeviceBuffer<float>(options.max_batch * (options.dim + 2));
  batch_features_ = DeviceBuffer<float>(options.max_batch * options.dim);
  batch_gradients_ = DeviceBuffer<float>(options.max_batch * options.dim);
  batch_labels_ = DeviceBuffer<int64_t>(options.max_batch);
  sums_ = DeviceBuffer<float>(3 * samples_ + 2);
  host_mine_ = PinnedBuffer<float>(mine_.size());
  host_all_ = PinnedBuffer<float>(messages_.size());
  host_sums_ = PinnedBuffer<float>(sums_.size());
  host_shifts_ = PinnedBuffer<float>(samples_);
  host_labels_ = PinnedBuffer<int64_t>(options.max_batch);
  host_count_ = PinnedBuffer<int32_t>(1);
}

template <class T>
int64_t DeviceVisits<T>::tiles() const {
  return (capacity_ + tile_classes_ - 1) / tile_classes_;
}

template <class T>
typename DeviceVisits<T>::Tile DeviceVisits<T>::tile(const DeviceForward<T>& forward, int64_t index) const {
  const Range classes{index * tile_classes_, std::min((index + 1) * tile_classes_, capacity_)};
  const bool kept = classes.last <= forward.kept_classes;
  const int64_t place = kept ? classes.first : forward.kept_classes;
  return {classes,
          kept,
          {forward.values.span().part(place * samples_, classes.size() * samples_).address, classes.size(),
           samples_},
          {centers_.span().part(place * padded_dim_, classes.size() * padded_dim_).address, classes.size(),
           options_.dim, padded_dim_}};
}

template <class T>
Exchange DeviceVisits<T>::pack(MatrixView<const float> features, std::span<const int64_t> labels) {
  runtime::use_device(ordinal_);
  const int64_t dim = options_.dim;
  if (spare_.empty()) {
    spare_.push_back(std::make_unique<DeviceForward<T>>(options_, share_, samples_));
    spare_.back()->values =
        DeviceBuffer<T>(tile_classes_ * samples_);  // the budget of kept E is the first one's
  }
  pending_.push_back(std::move(spare_.back()));
  spare_.pop_back();
  forward_ = pending_.back().get();
  compute_.wait(updated_);

  for (int64_t n = 0; n < features.rows; ++n) {
    if (labels[n] < -1 || labels[n] >= options_.num_classes)
      fail("row {}: label {} of {} classes; labels are 0 ... {}, or -1 for a row to leave out", n, labels[n],
           options_.num_classes, options_.num_classes - 1);
    host_labels_[n] = labels[n];
    std::copy_n(features[n], dim, &host_mine_[n * dim]);
  }
  copy<float>(host_mine_.span().first(features.rows * dim), batch_features_.first(features.rows * dim),
              compute_);
  copy<int64_t>(host_labels_.span().first(features.rows), batch_labels_.first(features.rows), compute_);
  pack_batch(DeviceMatrix<const float>(batch_features_.span().address, features.rows, dim),
             batch_labels_.first(features.rows), mine_.matrix(options_.max_batch, dim + 2), compute_);
  copy<float>(mine_.span(), host_mine_.span(), compute_);
  compute_.synchronize();
  return {host_mine_.span(), host_all_.span()};
}

template <class T>
void DeviceVisits<T>::set_batch() {
  DeviceForward<T>& forward = *forward_;
  copy<float>(host_all_.span(), messages_.span(), compute_);
  clear(forward.not_finite.span(), compute_);
  unpack_batch<T>(messages_.matrix(rows_, options_.dim + 2),
                  {.labels = forward.labels.span(),
                   .features = forward.features.matrix(samples_, options_.dim),
                   .operand = {forward.operand.span().address, samples_, options_.dim, padded_dim_},
                   .sample_count = forward.sample_count.span(),
                   .not_finite = forward.not_finite.span()},
                  compute_);
}

template <class T>
void DeviceVisits<T>::activate(int64_t step) {
  forward_->activation.activate(step, forward_->labels.span(), compute_);
}

template <class T>
DeviceTile DeviceVisits<T>::terms_of(const DeviceForward<T>& forward, Range classes) const {
  return {.inverse_norms = forward.inverse_norms.span().part(classes.first, classes.size()),
          .class_of = forward.activation.active().class_of,
          .first_class = classes.first,
          .shifts = forward.is_shifted ? forward.shifts.span() : DeviceSpan<float>(),
          .shift = fixed_shift(margin_.scale)};
}

// The tile's centers, norms and products.
template <class T>
void DeviceVisits<T>::make_values(DeviceForward<T>& forward, const Tile& tile, Stream& stream) {
  gather_centers<T>(store_->records<const T>(),
                    forward.activation.active().slots.part(tile.classes.first, tile.classes.size()),
                    tile.centers, forward.inverse_norms.span().part(tile.classes.first, tile.classes.size()),
                    forward.not_finite.span(), stream);
  products_->logits(
      tile.centers,
      DeviceMatrix<const T>(forward.operand.span().address, samples_, options_.dim, padded_dim_), tile.values,
      stream);
}

template <class T>
DeviceSums<T> DeviceVisits<T>::sums_of(const DeviceForward<T>& forward) const {
  const DeviceActiveClasses active = forward.activation.active();
  return {.partial_sums = {partial_.span().address, partial_.size() / samples_, samples_},
          .u = {u_.span().address, samples_, options_.dim, padded_dim_},
          .records = store_->records<const T>(),
          .slots = active.slots,
          .inverse_norms = forward.inverse_norms.span(),
          .class_of = active.class_of,
          .labels = forward.labels.span(),
          .features = forward.features.matrix(samples_, options_.dim),
          .not_finite = forward.not_finite.span()};
}

template <class T>
void DeviceVisits<T>::visit_for_sums(bool with_targets) {
  DeviceForward<T>& forward = *forward_;
  const SoftmaxOptions softmax = softmax_options(margin_);
  const DeviceMatrix<float> u{u_.span().address, samples_, options_.dim, padded_dim_};
  const int64_t kept = forward.kept_classes;
  const auto multiply_kept = [&] {
    if (kept > 0)
      products_->u(false, DeviceMatrix<const T>(forward.values.span().address, kept, samples_),
                   DeviceMatrix<const T>(centers_.span().address, kept, options_.dim, padded_dim_), u,
                   compute_);
  };
  int64_t chunk = 0;
  for (int64_t i = 0; i < tiles(); ++i) {  // the kept ones first
    const Tile tile = this->tile(forward, i);
    make_values(forward, tile, compute_);
    const int64_t chunks = chunks_of(tile.classes.size());
    exp_sums<T, T>(softmax, terms_of(forward, tile.classes), tile.values, tile.values,
                   {partial_.span().part(chunk * samples_, chunks * samples_).address, chunks, samples_},
                   compute_);
    chunk += chunks;
    if (tile.classes.last == kept) multiply_kept();
    if (!tile.kept) products_->u(i > 0, tile.values, tile.centers, u, compute_);
  }
  const int64_t message = with_targets ? 2 * samples_ + 1 : samples_ + 1;
  const DeviceSpan<float> place = sums_.span().part(with_targets ? 0 : 2 * samples_ + 1, message);
  finish_sums<T>(sums_of(forward), margin_, with_targets, place, forward.cosines.span(), compute_);
  copy<float>(place, host_sums_.span().subspan(place.address - sums_.span().address, message), compute_);
  copy<int32_t>(forward.activation.active().count, host_count_.span(), compute_);
  if (observer_ != nullptr)
    copy<int32_t>(forward.activation.active().slots, forward.host_slots.span(), compute_);
  compute_.synchronize();
}

template <class T>
std::span<float> DeviceVisits<T>::first_visit() {
  forward_->is_shifted = false;
  visit_for_sums(true);
  return host_sums_.span().first(2 * samples_ + 1);
}

template <class T>
std::span<float> DeviceVisits<T>::largest_logits() {
  DeviceForward<T>& forward = *forward_;
  int64_t chunk = 0;
  for (int64_t i = 0; i < tiles(); ++i) {
    const Tile tile = this->tile(forward, i);
    make_values(forward, tile, compute_);
    const int64_t chunks = chunks_of(tile.classes.size());
    partialfc::largest_logits<T>(
        softmax_options(margin_), terms_of(forward, tile.classes), tile.values,
        {partial_.span().part(chunk * samples_, chunks * samples_).address, chunks, samples_}, compute_);
    chunk += chunks;
  }
  largest_of_columns(DeviceMatrix<const float>(partial_.span().address, chunk, samples_),
                     forward.shifts.span(), compute_);
  const std::span<float> maxima = host_sums_.span().subspan(2 * samples_ + 1, samples_);
  copy<float>(forward.shifts.span(), maxima, compute_);
  compute_.synchronize();
  return maxima;
}

template <class T>
std::span<float> DeviceVisits<T>::first_visit_shifted() {
  const std::span<float> shifts = host_sums_.span().subspan(2 * samples_ + 1, samples_);
  for (float& shift : shifts)
    if (std::isinf(shift)) shift = 0;  // no negative at all: nothing will be summed
  std::ranges::copy(shifts, host_shifts_.span().begin());
  copy<float>(host_shifts_.span(), forward_->shifts.span(), compute_);
  forward_->is_shifted = true;
  visit_for_sums(false);
  return host_sums_.span().subspan(2 * samples_ + 1, samples_ + 1);
}

template <class T>
Visits::ReducedSums DeviceVisits<T>::read_sums() {
  const std::span<const float> all = host_sums_.span(), targets = all.subspan(samples_, samples_);
  const std::span<const float> sums =
      forward_->is_shifted ? all.subspan(2 * samples_ + 1, samples_ + 1) : all.first(2 * samples_ + 1);
  return {.negatives = sums.first(samples_),
          .finite = sums.back() == 0,
          .samples = std::ranges::count_if(targets, [](float logit) { return !std::isinf(logit); }),
          .active = host_count_[0]};
}

template <class T>
double DeviceVisits<T>::finish_softmax() {
  DeviceForward<T>& forward = *forward_;
  const ReducedSums sums = read_sums();
  const int64_t message = 2 * samples_ + 1;
  copy<float>(host_sums_.span(), sums_.span(), compute_);  // as reduced over the ranks
  const auto place = sums_.span().part(forward.is_shifted ? message : 0, samples_);
  weigh_samples<T>(margin_,
                   {.negatives = place,
                    .target_logits = sums_.span().part(samples_, samples_),
                    .shifts = forward.is_shifted ? forward.shifts.span() : DeviceSpan<float>(),
                    .shift = fixed_shift(margin_.scale),
                    .class_of = forward.activation.active().class_of,
                    .sample_count = forward.sample_count.span(),
                    .cosines = forward.cosines.span(),
                    .features = forward.features.matrix(samples_, options_.dim),
                    .weights = forward.weights.span(),
                    .coefficients = forward.coefficients.span(),
                    .weighted = {forward.weighted.span().address, samples_, options_.dim, padded_dim_}},
                   compute_);
  double loss = 0;
  for (int64_t n = 0; n < samples_; ++n) {
    const float target = host_sums_[samples_ + n];
    if (std::isinf(target)) continue;
    const float shift = forward.is_shifted ? host_shifts_[n] : fixed_shift(margin_.scale);
    loss += sample_softmax(1, sums.negatives[n], double{target} - shift).loss;
  }
  return loss / static_cast<double>(std::max<int64_t>(1, sums.samples));
}

template <class T>
Exchange DeviceVisits<T>::feature_gradients() {
  DeviceForward<T>& forward = *forward_;
  const DeviceMatrix<float> all = messages_.matrix(rows_, options_.dim);
  partialfc::feature_gradients<T>(sums_of(forward), forward.weights.span(), forward.coefficients.span(), all,
                                  compute_);
  const int64_t size = rows_ * options_.dim;
  copy<float>(messages_.first(size), host_all_.span().first(size), compute_);
  compute_.synchronize();
  return {host_mine_.span().first(options_.max_batch * options_.dim), host_all_.span().first(size)};
}

template <class T>
void DeviceVisits<T>::finish_gradients(MatrixView<const float> features, std::span<const int64_t> labels,
                                       MatrixView<float> gradients) {
  const int64_t dim = options_.dim, size = features.rows * dim;
  copy<float>(host_mine_.span().first(options_.max_batch * dim), mine_.first(options_.max_batch * dim),
              compute_);
  through_normalization(DeviceMatrix<const float>(batch_features_.span().address, features.rows, dim),
                        batch_labels_.first(std::ssize(labels)),
                        DeviceMatrix<const float>(mine_.span().address, features.rows, dim),
                        batch_gradients_.matrix(features.rows, dim), compute_);
  copy<float>(batch_gradients_.first(size), host_all_.span().first(size), compute_);
  compute_.synchronize();
  for (int64_t n = 0; n < features.rows; ++n) std::copy_n(&host_all_[n * dim], dim, gradients[n]);
}

template <class T>
void DeviceVisits<T>::drop_last() {
  if (forward_ == nullptr) return;
  spare_.push_back(std::move(pending_.back()));
  pending_.pop_back();
  forward_ = nullptr;
}

template <class T>
void DeviceVisits<T>::observe_rows(RowObserver* observer) {
  observer_ = observer;
}

template <class T>
void DeviceVisits<T>::update(const UpdateStep& step) {
  begin_update(step).wait();
}

template <class T>
Request DeviceVisits<T>::begin_update(const UpdateStep& step) {
  runtime::use_device(ordinal_);
  if (observer_ != nullptr) {
    std::vector<int64_t> slots;
    for (const auto& forward : pending_)
      for (const int32_t slot : forward->host_slots.span())
        if (slot >= 0) slots.push_back(slot);
    std::ranges::sort(slots);
    slots.erase(std::unique(slots.begin(), slots.end()), slots.end());
    observer_->before_change(slots);
  }
  update_stream_.wait(Event(compute_));
  const RowStep row_step{.optimizer = options_.optimizer,
                         .learning_rate = step.learning_rate,
                         .t = step.t,
                         .gradient_scale = static_cast<float>(step.gradient_scale)};
  if (pending_.size() == 1)
    step_once(*pending_[0], row_step);
  else
    step_with_sum(row_step);
  updated_.record(update_stream_);
  for (auto& forward : pending_) spare_.push_back(std::move(forward));
  pending_.clear();
  forward_ = nullptr;
  return Request(std::make_unique<UpdateOnDevice>(updated_));
}

// use(classes, gradients, targets) for each tile; gradients (classes, D): Σ_n weights_n E_nj x̂_n / ‖w_j‖.
template <class T>
template <class Use>
void DeviceVisits<T>::make_gradients(DeviceForward<T>& forward, Use use) {
  const DeviceActiveClasses active = forward.activation.active();
  const DeviceMatrix<const T> weighted(forward.weighted.span().address, samples_, options_.dim, padded_dim_);
  for (int64_t i = 0; i < tiles(); ++i) {
    const Tile tile = this->tile(forward, i);
    const int64_t first = tile.classes.first, count = tile.classes.size();
    if (!tile.kept) {
      make_values(forward, tile, update_stream_);
      exp_sums<T, T>(softmax_options(margin_), terms_of(forward, tile.classes), tile.values, tile.values,
                     {partial_.span().address, chunks_of(count), samples_}, update_stream_);
    }
    const DeviceMatrix<float> gradients{gradients_.span().address, count, options_.dim, padded_dim_};
    products_->gradients(tile.values, weighted, gradients, update_stream_);
    use(tile.classes, gradients,
        DeviceTargets{.positive_of = active.positive_of.part(first, count),
                      .first_sample = active.first_sample,
                      .samples = active.samples,
                      .coefficients = forward.coefficients.span(),
                      .features = forward.features.matrix(samples_, options_.dim)});
  }
}

template <class T>
void DeviceVisits<T>::step_once(DeviceForward<T>& forward, const RowStep& step) {
  make_gradients(
      forward, [&](Range classes, DeviceMatrix<const float> gradients, const DeviceTargets& targets) {
        step_rows<T>(step, store_->template records<T>(),
                     forward.activation.active().slots.part(classes.first, classes.size()),
                     forward.inverse_norms.span().part(classes.first, classes.size()), gradients, targets,
                     rounding_key_of(step.t), store_->positions().first, store_->changed(), update_stream_);
      });
}

// A row that is active in several forward halves steps once. The gradients are added up in float32, half by half.
template <class T>
void DeviceVisits<T>::step_with_sum(const RowStep& step) {
  const int64_t slots = store_->slot_bound(), most = std::min(slots, std::ssize(pending_) * capacity_);
  if (row_of_slot_.size() == 0) {
    row_of_slot_ = DeviceBuffer<int32_t>(slots);
    summed_count_ = DeviceBuffer<int32_t>(1);
    runtime::fill(row_of_slot_.span().address, 0xff, row_of_slot_.span().bytes(), update_stream_.handle());
  }
  if (summed_slots_.size() < most) {
    update_stream_.synchronize();
    summed_slots_ = DeviceBuffer<int32_t>(most);
    no_targets_ = DeviceBuffer<int32_t>(most);
    summed_norms_ = DeviceBuffer<float>(most);
    summed_gradients_ = DeviceBuffer<float>(most * padded_dim_);
    for (const DeviceSpan<int32_t> none : {summed_slots_.span(), no_targets_.span()})
      runtime::fill(none.address, 0xff, none.bytes(), update_stream_.handle());
  }
  const DeviceRowSums rows{
      row_of_slot_.span(),
      summed_slots_.span(),
      summed_norms_.span(),
      summed_count_.span(),
      {summed_gradients_.span().address, summed_slots_.size(), options_.dim, padded_dim_}};
  clear(summed_count_.span(), update_stream_);
  for (const auto& forward : pending_)
    add_rows(forward->activation.active().slots, forward->inverse_norms.span(), rows, update_stream_);
  for (const auto& forward : pending_)
    make_gradients(*forward,
                   [&](Range classes, DeviceMatrix<const float> gradients, const DeviceTargets& targets) {
                     add_gradients(forward->activation.active().slots.part(classes.first, classes.size()),
                                   forward->inverse_norms.span().part(classes.first, classes.size()),
                                   gradients, targets, rows, update_stream_);
                   });
  step_rows<T>(step, store_->template records<T>(), rows.slots, rows.inverse_norms, rows.sums,
               {.positive_of = no_targets_.first(summed_slots_.size())}, rounding_key_of(step.t),
               store_->positions().first, store_->changed(), update_stream_);
  forget_rows(rows, update_stream_);
}

template <class T>
uint64_t DeviceVisits<T>::rounding_key_of(int64_t t) const {
  return mix(mix(options_.seed, static_cast<uint64_t>(Purpose::kRowRounding)), static_cast<uint64_t>(t));
}

template class DeviceVisits<float>;
template class DeviceVisits<BFloat16>;

namespace {

// The centers and products of a tile, which are written and read again, take half of the cache; whole kilo-classes.
int64_t tile_for_cache(const PartialFCOptions& options, const RankShare& share, int ordinal) {
  const int64_t bytes_of_class =
      (padded_for_device(options.max_batch * share.ranks) + options.dim) * size_of(options.precision);
  const int64_t classes = runtime::properties(ordinal).cache_bytes / 2 / bytes_of_class;
  return std::max<int64_t>(1024, classes / 1024 * 1024);
}

}  // namespace

std::unique_ptr<Visits> make_device_visits(const PartialFCOptions& options, const RankShare& share,
                                           const DeviceVisitsOptions& device) {
  const int64_t tile =
      device.tile_classes > 0 ? device.tile_classes : tile_for_cache(options, share, device.ordinal);
  if (options.precision == Precision::kFloat32)
    return std::make_unique<DeviceVisits<float>>(options, share, device.ordinal, make_plain_products<float>(),
                                                 tile);
  return std::make_unique<DeviceVisits<BFloat16>>(options, share, device.ordinal,
                                                  make_plain_products<BFloat16>(), tile);
}

}  // namespace partialfc
