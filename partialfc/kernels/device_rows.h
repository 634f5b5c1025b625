// Rows of class centers on a device: on their way in, and stepped. The formulas are those of center_rows.h.
//
// Records lie behind one another, [w | states], each D numbers of type T (float or BFloat16); a row is known by its slot.
// Matrices that products read have rows of a multiple of kDevicePadding numbers, zero past the last.
#pragma once

#include <cstdint>

#include "partialfc/base/precision.h"
#include "partialfc/device/stream.h"
#include "partialfc/device/view.h"
#include "partialfc/kernels/center_rows.h"
#include "partialfc/kernels/device_records.h"

namespace partialfc {

// centers[j] ← w of slots[j], inverse_norms[j] ← 1/max(‖w‖, ε); both 0 where the slot is −1. not_finite ← 1 where a number
// is not. slots (T), centers (T, padded D), inverse_norms (T), not_finite (1).
template <class T>
void gather_centers(DeviceRecords<const T> records, DeviceSpan<const int32_t> slots, DeviceMatrix<T> centers,
                    DeviceSpan<float> inverse_norms, DeviceSpan<int32_t> not_finite, Stream& stream);

// The samples whose class is an active one's own: the targets' terms of the gradients.
struct DeviceTargets {
  DeviceSpan<const int32_t> positive_of;   // (S) k of an active class, or −1
  DeviceSpan<const int32_t> first_sample;  // (N + 1) where those of positive k begin in `samples`
  DeviceSpan<const int32_t> samples;       // (N)
  DeviceSpan<const float> coefficients;    // (N) ∂L/∂c_ny
  DeviceMatrix<const float> features;      // x̂ (N, D)
};

// Steps the rows in these slots, −1 for none, whose records lie in `places`: the slots, or frames. gradients (T, D): Σ_n weights_n E_nj x̂_n /‖w_j‖, to which the targets' terms
// are added; targets.positive_of: of these T classes. changed[slot] ← 1. rounding_key: of this update.
template <class T>
void step_rows(const RowStep& step, DeviceRecords<T> records, DeviceSpan<const int32_t> slots,
               DeviceSpan<const int32_t> places, DeviceSpan<const float> inverse_norms,
               DeviceMatrix<const float> gradients, const DeviceTargets& targets, uint64_t rounding_key,
               int64_t first_position, DeviceSpan<uint8_t> changed, Stream& stream);

// Rows that several forward halves have active, each once: what their gradients are added up in.
struct DeviceRowSums {
  DeviceSpan<int32_t> row_of_slot;  // (slots of the store) −1, but for the rows here
  DeviceSpan<int32_t> slots;        // (rows)
  DeviceSpan<int32_t> places;       // (rows) of their records; may be `slots`, where it is the same
  DeviceSpan<float> inverse_norms;  // (rows)
  DeviceSpan<int32_t> count;        // (1)
  DeviceMatrix<float> sums;         // (rows, D)
};
// Gives each of these slots (T), −1 for none, a row, unless it has one. Sums of new rows are 0.
void add_rows(DeviceSpan<const int32_t> slots, DeviceSpan<const int32_t> places,
              DeviceSpan<const float> inverse_norms, const DeviceRowSums& rows, Stream& stream);
// sums of these slots' rows ← + gradients (T, D), with the targets' terms, as step_rows() has them.
void add_gradients(DeviceSpan<const int32_t> slots, DeviceSpan<const float> inverse_norms,
                   DeviceMatrix<const float> gradients, const DeviceTargets& targets,
                   const DeviceRowSums& rows, Stream& stream);
// Forgets all rows.
void forget_rows(const DeviceRowSums& rows, Stream& stream);

}  // namespace partialfc
