#include "partialfc/head/device_visits.h"

#include <algorithm>
#include <cmath>
#include <ranges>
#include <utility>

#include "partialfc/base/error.h"
#include "partialfc/head/softmax_sums.h"

namespace partialfc {

template <class T>
DeviceVisits<T>::DeviceVisits(const PartialFCOptions& options, const RankShare& share,
                              const DeviceVisitsOptions& device)
    : options_(options),
      margin_(resolve_margin(options.margin)),
      share_(share),
      ordinal_((runtime::use_device(device.ordinal), device.ordinal)),
      rows_(options.max_batch * share.ranks),
      sizes_(
          device_sizes(options, share, runtime::properties(device.ordinal).cache_bytes, device.tile_classes)),
      samples_(sizes_.samples),
      own_stream_(device.stream == nullptr ? std::optional<Stream>(std::in_place) : std::nullopt),
      compute_(device.stream == nullptr ? *own_stream_ : *device.stream) {
  const ClassPlacement placement(options.num_classes, options.seed);
  store_ = std::make_unique<DeviceStore>(
      placement, placement.positions_of_blocks(share.blocks),
      RecordLayout{.dim = options.dim, .states = options.optimizer.states(), .precision = options.precision},
      options.seed, device.frame_bytes);
  if (store_->frames() != nullptr) bring_.emplace(options, share, *store_->frames(), device.bring_ahead);
  spare_.push_back(std::make_unique<DeviceForward<T>>(options, share, samples_, sizes_.kept_classes,
                                                      sizes_.tile_classes, bring_.has_value()));
  tiles_ = std::make_unique<DeviceTiles<T>>(margin_, *store_, sizes_.tile_classes, sizes_.capacity,
                                            sizes_.kept_classes, samples_, device.tf32);
  second_visit_ = std::make_unique<DeviceUpdate<T>>(options, *store_, *tiles_);
  messages_ = std::make_unique<DeviceMessages>(options.max_batch * message_width(options.dim), share.ranks,
                                               4 * samples_ + 2, device.messages_on_device, compute_);
  host_counts_ = PinnedBuffer<int32_t>(DeviceForward<T>::kCounts);
}

template <class T>
void DeviceVisits<T>::observe_rows(RowObserver* observer) {
  // The slots of a forward half come to the host for an observer that is there when it is made.
  PFC_CHECK(observer == nullptr || pending_.empty(),
            "an observer of rows comes while {} forwards are pending", pending_.size());
  observer_ = observer;
}

template <class T>
void DeviceVisits<T>::begin_forward() {
  runtime::use_device(ordinal_);
  if (spare_.empty())  // the budget of kept E is the first one's
    spare_.push_back(std::make_unique<DeviceForward<T>>(options_, share_, samples_, int64_t{0},
                                                        tiles_->tile_classes(), bring_.has_value()));
  pending_.push_back(std::move(spare_.back()));
  spare_.pop_back();
  forward_ = pending_.back().get();
  forward_->is_shifted = false;
  compute_.wait(updated_);
}

// The batch that came from the host, as it is on the device.
template <class T>
DeviceFeatures DeviceVisits<T>::batch_of(int64_t rows) const {
  return {features_.matrix(rows, options_.dim), labels_.first(rows), gradients_.matrix(rows, options_.dim)};
}

template <class T>
Exchange DeviceVisits<T>::pack(const HostFeatures& batch) {
  runtime::use_device(ordinal_);
  const int64_t dim = options_.dim, rows = batch.features.rows;
  if (features_.size() == 0) {
    features_ = DeviceBuffer<float>(options_.max_batch * dim);
    gradients_ = DeviceBuffer<float>(options_.max_batch * dim);
    labels_ = DeviceBuffer<int64_t>(options_.max_batch);
    host_rows_ = PinnedBuffer<float>(options_.max_batch * dim);
    host_labels_ = PinnedBuffer<int64_t>(options_.max_batch);
  }
  for (int64_t n = 0; n < rows; ++n) {
    host_labels_[n] = batch.labels[n];
    std::copy_n(batch.features[n], dim, &host_rows_[n * dim]);
  }
  copy<float>(host_rows_.span().first(rows * dim), features_.first(rows * dim), compute_);
  copy<int64_t>(host_labels_.span().first(rows), labels_.first(rows), compute_);
  return pack(batch_of(rows));
}

template <class T>
Exchange DeviceVisits<T>::pack(const DeviceFeatures& batch) {
  begin_forward();
  const int64_t width = message_width(options_.dim), part = options_.max_batch * width;
  clear(forward_->counts.span(), compute_);
  pack_batch(batch.features, batch.labels, options_.num_classes,
             {messages_->mine(part).address, options_.max_batch, width}, forward_->bad_row(), compute_);
  return messages_->send_mine(part);
}

template <class T>
void DeviceVisits<T>::set_batch() {
  DeviceForward<T>& forward = *forward_;
  const int64_t width = message_width(options_.dim), part = options_.max_batch * width;
  messages_->receive_all(part);
  unpack_batch<T>(DeviceMatrix<const float>(messages_->all(part).address, rows_, width),
                  {.labels = forward.labels.span(),
                   .features = forward.unit_features(),
                   .operand = forward.operand_of(forward.operand),
                   .sample_count = forward.sample_count(),
                   .not_finite = forward.not_finite()},
                  compute_);
}

template <class T>
void DeviceVisits<T>::activate(int64_t step) {
  DeviceForward<T>& forward = *forward_;
  forward.activation.activate(step, forward.labels.span(), forward.active_count(), compute_);
  if (!bring_) return;
  forward.brought_at = bring_->next();
  (*bring_)(step, forward.activation.active().slots, pending_.front()->brought_at, forward.frames.span(),
            forward.lacking_frames(), compute_);
}

template <class T>
Message DeviceVisits<T>::finish_visit(bool with_targets) {
  tiles_->visit(*forward_, compute_);
  const Range place = message_of_sums();
  finish_sums<T>(tiles_->sums_of(*forward_), margin_, with_targets,
                 messages_->sums().part(place.first, place.size()), forward_->cosines.span(), compute_);
  return messages_->send_sums(place.first, place.size());
}

template <class T>
Message DeviceVisits<T>::first_visit() {
  return finish_visit(true);
}

template <class T>
Message DeviceVisits<T>::largest_logits() {
  tiles_->find_largest_logits(*forward_, compute_);
  const DeviceSpan<float> maxima = messages_->sums().part(3 * samples_ + 2, samples_);
  copy<float>(forward_->shifts.span(), maxima, compute_);
  return messages_->send_sums(3 * samples_ + 2, samples_);
}

template <class T>
Message DeviceVisits<T>::first_visit_shifted() {
  messages_->receive_sums(3 * samples_ + 2, samples_);
  copy<float>(messages_->sums().part(3 * samples_ + 2, samples_), forward_->shifts.span(), compute_);
  forward_->is_shifted = true;
  return finish_visit(false);
}

// The one wait of a step.
template <class T>
Visits::ReducedSums DeviceVisits<T>::read_sums() {
  const DeviceActiveClasses active = forward_->activation.active();
  const Range place = message_of_sums();
  messages_->read_sums(place.first, place.size());
  if (forward_->is_shifted) messages_->read_sums(3 * samples_ + 2, samples_);
  copy<int32_t>(forward_->counts.span(), host_counts_.span(), compute_);
  if (observer_ != nullptr) copy<int32_t>(active.slots, forward_->host_slots.span(), compute_);
  messages_->wait();
  compute_.synchronize();
  throw_what_was_counted();
  const std::span<const float> sums = messages_->host_sums().subspan(place.first, place.size()),
                               targets = messages_->host_sums().subspan(samples_, samples_);
  return {.negatives = sums.first(samples_),
          .finite = sums.back() == 0,
          .samples = std::ranges::count_if(targets, [](float logit) { return !std::isinf(logit); }),
          .active = host_counts_[DeviceForward<T>::kActive]};
}

template <class T>
void DeviceVisits<T>::throw_what_was_counted() const {
  if (host_counts_[DeviceForward<T>::kLackingFrames] > 0)
    bring_->throw_lacking(host_counts_[DeviceForward<T>::kLackingFrames],
                          host_counts_[DeviceForward<T>::kActive]);
  if (host_counts_[DeviceForward<T>::kBadRow] == 0) return;
  fail("row {}: its label is none of {} classes; labels are 0 ... {}, or -1 for a row to leave out",
       host_counts_[DeviceForward<T>::kBadRow] - 1, options_.num_classes, options_.num_classes - 1);
}

template <class T>
double DeviceVisits<T>::finish_softmax() {
  DeviceForward<T>& forward = *forward_;
  const Range place = message_of_sums();
  messages_->receive_sums(0, 2 * samples_ + 1);
  messages_->receive_sums(place.first, place.size());
  weigh_samples<T>(margin_,
                   {.negatives = messages_->sums().part(place.first, samples_),
                    .target_logits = messages_->sums().part(samples_, samples_),
                    .shifts = forward.is_shifted ? forward.shifts.span() : DeviceSpan<float>(),
                    .shift = fixed_shift(margin_.scale),
                    .class_of = forward.activation.active().class_of,
                    .sample_count = forward.sample_count(),
                    .cosines = forward.cosines.span(),
                    .features = forward.unit_features(),
                    .weights = forward.weights.span(),
                    .coefficients = forward.coefficients.span(),
                    .weighted = forward.operand_of(forward.weighted)},
                   compute_);
  const std::span<const float> all = messages_->host_sums(), negatives = all.subspan(place.first, samples_),
                               targets = all.subspan(samples_, samples_), shifts = all.last(samples_);
  double loss = 0;
  int64_t samples = 0;
  for (int64_t n = 0; n < samples_; ++n) {
    if (std::isinf(targets[n])) continue;  // takes no part
    const float shift = forward.is_shifted ? shifts[n] : fixed_shift(margin_.scale);
    loss += sample_softmax(1, negatives[n], double{targets[n]} - shift).loss;
    ++samples;
  }
  return loss / static_cast<double>(std::max<int64_t>(1, samples));
}

template <class T>
Exchange DeviceVisits<T>::feature_gradients() {
  const int64_t part = options_.max_batch * options_.dim;
  partialfc::feature_gradients<T>(tiles_->sums_of(*forward_), forward_->weights.span(),
                                  forward_->coefficients.span(),
                                  {messages_->all(part).address, rows_, options_.dim}, compute_);
  return messages_->send_all(part);
}

template <class T>
void DeviceVisits<T>::finish_gradients(const DeviceFeatures& batch) {
  messages_->receive_mine(options_.max_batch * options_.dim);
  through_normalization(batch.features, batch.labels,
                        DeviceMatrix<const float>(messages_->mine(batch.features.rows * options_.dim).address,
                                                  batch.features.rows, options_.dim),
                        batch.gradients, compute_);
}

template <class T>
void DeviceVisits<T>::finish_gradients(const HostFeatures& batch) {
  const int64_t dim = options_.dim, rows = batch.features.rows;
  finish_gradients(batch_of(rows));
  copy<float>(gradients_.first(rows * dim), host_rows_.span().first(rows * dim), compute_);
  messages_->wait();
  compute_.synchronize();
  for (int64_t n = 0; n < rows; ++n) std::copy_n(&host_rows_[n * dim], dim, batch.gradients[n]);
}

template <class T>
void DeviceVisits<T>::clear_gradients(const DeviceFeatures& batch) {
  for (int64_t n = 0; n < batch.gradients.rows; ++n)
    clear(DeviceSpan<float>(batch.gradients.address + n * batch.gradients.stride, options_.dim), compute_);
}

template <class T>
void DeviceVisits<T>::drop_last() {
  if (forward_ == nullptr) return;
  spare_.push_back(std::move(pending_.back()));
  pending_.pop_back();
  forward_ = nullptr;
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
  computed_.record(compute_);
  update_stream_.wait(computed_);
  (*second_visit_)(pending_, step, update_stream_);
  updated_.record(update_stream_);
  store_->come_after(updated_);
  for (auto& forward : std::views::reverse(pending_))
    spare_.push_back(std::move(forward));  // the one that keeps E last
  pending_.clear();
  forward_ = nullptr;
  return Request(std::make_unique<UpdateOnDevice>(updated_, *messages_));
}

template class DeviceVisits<float>;
template class DeviceVisits<BFloat16>;

std::unique_ptr<Visits> make_device_visits(const PartialFCOptions& options, const RankShare& share,
                                           const DeviceVisitsOptions& device) {
  if (options.precision == Precision::kFloat32)
    return std::make_unique<DeviceVisits<float>>(options, share, device);
  return std::make_unique<DeviceVisits<BFloat16>>(options, share, device);
}

}  // namespace partialfc
