// Records of class centers on a device: drawn, and copied between their places and where they are sent.
//
// They lie behind one another, [w | states], each D numbers of type T (float or BFloat16); a row is known by its slot.
#pragma once

#include <cstdint>

#include "partialfc/base/precision.h"
#include "partialfc/base/random_permutation.h"
#include "partialfc/device/stream.h"
#include "partialfc/device/view.h"

namespace partialfc {

// Matrices that products read have rows of a multiple of so many numbers, zero past the last.
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

// The first records of slots 0 … rows − 1, whose classes are those at positions first_position …: N(0, sigma) as
// initial_center() draws it, state zero: by the host's operations (base/normal_pair.h), for the host's digits.
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
