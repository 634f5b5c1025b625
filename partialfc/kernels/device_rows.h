// Rows of class centers on a device: on their way in, and stepped. The formulas are those of center_rows.h.
//
// Records lie behind one another, [w | states], each D numbers of type T (float or BFloat16); a row is known by its slot.
// Matrices that products read have rows of a multiple of kDevicePadding numbers, zero past the last.
#pragma once

#include <cstdint>

#include "partialfc/base/precision.h"
#include "partialfc/base/random_permutation.h"
#include "partialfc/device/stream.h"
#include "partialfc/device/view.h"
#include "partialfc/kernels/center_rows.h"

namespace partialfc {

constexpr int64_t kDevicePadding = 8;
constexpr int64_t padded_for_device(int64_t n) {
  return (n + kDevicePadding - 1) / kDevicePadding * kDevicePadding;
}

template <class T>
struct DeviceRecords {
  T* address = nullptr;
  int64_t dim = 0;      // D
  int64_t numbers = 0;  // of a record
};

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

// The first records of slots 0 … rows − 1, whose classes are those at positions first_position …: N(0, sigma) as
// initial_center() draws it, state zero: all but one number of a thousand to 2 units in the last place, which is what the
// logarithms of host and device leave, all to 4.
template <class T>
void draw_rows(DeviceRecords<T> records, int64_t rows, const RandomPermutation& placement,
               int64_t first_position, uint64_t key, float sigma, Stream& stream);

// to (n · numbers) ← the records in these slots behind one another, or the records ← from. slots (n), distinct.
template <class T>
void copy_out_records(DeviceRecords<const T> records, DeviceSpan<const int32_t> slots, DeviceSpan<T> to,
                      Stream& stream);
template <class T>
void copy_in_records(DeviceSpan<const T> from, DeviceSpan<const int32_t> slots, DeviceRecords<T> records,
                     Stream& stream);

}  // namespace partialfc
