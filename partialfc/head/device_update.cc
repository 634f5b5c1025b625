#include "partialfc/head/device_update.h"

#include <algorithm>

#include "partialfc/base/random.h"

namespace partialfc {

namespace {

// Every byte 0xff: −1.
void fill_with_none(DeviceSpan<int32_t> span, Stream& stream) {
  runtime::fill(span.address, 0xff, span.bytes(), stream.handle());
}

}  // namespace

template <class T>
void DeviceUpdate<T>::operator()(std::span<const std::unique_ptr<DeviceForward<T>>> forwards,
                                 const Visits::UpdateStep& step, Stream& stream) {
  const RowStep row_step{.optimizer = options_.optimizer,
                         .learning_rate = step.learning_rate,
                         .t = step.t,
                         .gradient_scale = static_cast<float>(step.gradient_scale)};
  if (forwards.size() == 1)
    step_once(*forwards[0], row_step, stream);
  else
    step_with_sum(forwards, row_step, stream);
}

template <class T>
uint64_t DeviceUpdate<T>::rounding_key_of(int64_t t) const {
  return mix(mix(options_.seed, static_cast<uint64_t>(Purpose::kRowRounding)), static_cast<uint64_t>(t));
}

template <class T>
void DeviceUpdate<T>::step_once(DeviceForward<T>& forward, const RowStep& step, Stream& stream) {
  const auto use = [&](Range classes, DeviceMatrix<const float> gradients, const DeviceTargets& targets) {
    step_rows<T>(step, store_.records<T>(),
                 forward.activation.active().slots.part(classes.first, classes.size()),
                 forward.places().part(classes.first, classes.size()),
                 forward.inverse_norms.span().part(classes.first, classes.size()), gradients, targets,
                 rounding_key_of(step.t), store_.positions().first, store_.changed(), stream);
  };
  tiles_.make_gradients(forward, stream, use);
}

// Room for the rows of so many forward halves.
template <class T>
DeviceRowSums DeviceUpdate<T>::rows_of(std::span<const std::unique_ptr<DeviceForward<T>>> forwards,
                                       Stream& stream) {
  const int64_t slots = store_.slot_bound(), dim = options_.dim, width = padded_for_device(dim);
  int64_t most = 0;
  for (const auto& forward : forwards) most += forward->activation.capacity();
  most = std::min(most, slots);
  if (row_of_slot_.size() == 0) {
    row_of_slot_ = DeviceBuffer<int32_t>(slots);
    summed_count_ = DeviceBuffer<int32_t>(1);
    fill_with_none(row_of_slot_.span(), stream);
  }
  if (summed_slots_.size() < most) {
    stream.synchronize();  // what was there may be in use
    summed_slots_ = DeviceBuffer<int32_t>(most);
    summed_places_ = DeviceBuffer<int32_t>(store_.frames() != nullptr ? most : 0);
    no_targets_ = DeviceBuffer<int32_t>(most);
    summed_norms_ = DeviceBuffer<float>(most);
    summed_gradients_ = DeviceBuffer<float>(most * width);
    fill_with_none(summed_slots_.span(), stream);
    fill_with_none(no_targets_.span(), stream);
  }
  return {row_of_slot_.span(),
          summed_slots_.span(),
          store_.frames() != nullptr ? summed_places_.span() : summed_slots_.span(),
          summed_norms_.span(),
          summed_count_.span(),
          {summed_gradients_.span().address, summed_slots_.size(), dim, width}};
}

// A row that is active in several forward halves steps once. The gradients are added up in float32, half by half.
template <class T>
void DeviceUpdate<T>::step_with_sum(std::span<const std::unique_ptr<DeviceForward<T>>> forwards,
                                    const RowStep& step, Stream& stream) {
  const DeviceRowSums rows = rows_of(forwards, stream);
  clear(rows.count, stream);
  for (const auto& forward : forwards)
    add_rows(forward->activation.active().slots, forward->places(), forward->inverse_norms.span(), rows,
             stream);
  for (const auto& forward : forwards) {
    const auto use = [&](Range classes, DeviceMatrix<const float> gradients, const DeviceTargets& targets) {
      add_gradients(forward->activation.active().slots.part(classes.first, classes.size()),
                    forward->inverse_norms.span().part(classes.first, classes.size()), gradients, targets,
                    rows, stream);
    };
    tiles_.make_gradients(*forward, stream, use);
  }
  step_rows<T>(step, store_.records<T>(), rows.slots, rows.places, rows.inverse_norms, rows.sums,
               {.positive_of = no_targets_.span()}, rounding_key_of(step.t), store_.positions().first,
               store_.changed(), stream);
  forget_rows(rows, stream);
}

template class DeviceUpdate<float>;
template class DeviceUpdate<BFloat16>;

}  // namespace partialfc
