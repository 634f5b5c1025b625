#include "partialfc/kernels/device_records.h"

#include "partialfc/base/normal_pair.h"
#include "partialfc/base/random_bits.h"
#include "partialfc/device/block.h"

namespace partialfc {

namespace {

template <class T>
__global__ void draw(DeviceRecords<T> records, int64_t rows, RandomPermutation placement,
                     int64_t first_position, uint64_t key, float sigma) {
  const int64_t slot = row_of_warp();
  if (slot >= rows) return;
  const int lane = threadIdx.x % kWarp;
  T* const record = records.address + slot * records.numbers;
  const auto class_id = static_cast<uint64_t>(placement.inverse(first_position + slot));
  for (int64_t d = lane * 4; d < records.dim; d += kWarp * 4) {
    const auto words = philox(key, static_cast<uint64_t>(d / 4), class_id);
    float numbers[4];
    normal_pair(words[0], words[1], sigma, numbers[0], numbers[1]);
    normal_pair(words[2], words[3], sigma, numbers[2], numbers[3]);
    for (int e = 0; e < 4; ++e)
      if (d + e < records.dim) record[d + e] = from_float<T>(numbers[e]);
  }
  for (int64_t i = records.dim + lane; i < records.numbers; i += kWarp) record[i] = T{};
}

template <class T>
__global__ void copy_out(DeviceRecords<const T> records, const int32_t* slots, int64_t rows, T* to) {
  const int64_t i = row_of_warp();
  if (i >= rows) return;
  const T* const record = records.address + broadcast_load(slots + i) * records.numbers;
  for (int64_t e = threadIdx.x % kWarp; e < records.numbers; e += kWarp)
    to[i * records.numbers + e] = record[e];
}

template <class T>
__global__ void copy_in(const T* from, const int32_t* slots, int64_t rows, DeviceRecords<T> records) {
  const int64_t i = row_of_warp();
  if (i >= rows) return;
  T* const record = records.address + broadcast_load(slots + i) * records.numbers;
  for (int64_t e = threadIdx.x % kWarp; e < records.numbers; e += kWarp)
    record[e] = from[i * records.numbers + e];
}

}  // namespace

template <class T>
void draw_rows(DeviceRecords<T> records, int64_t rows, const RandomPermutation& placement,
               int64_t first_position, uint64_t key, float sigma, Stream& stream) {
  launch("draw_rows", draw<T>, blocks_of_rows(rows), kRowThreads, 0, stream, records, rows, placement,
         first_position, key, sigma);
}

template <class T>
void copy_out_records(DeviceRecords<const T> records, DeviceSpan<const int32_t> slots, DeviceSpan<T> to,
                      Stream& stream) {
  PFC_CHECK(to.size == slots.size * records.numbers);
  launch("copy_out_records", copy_out<T>, blocks_of_rows(slots.size), kRowThreads, 0, stream, records,
         slots.address, slots.size, to.address);
}

template <class T>
void copy_in_records(DeviceSpan<const T> from, DeviceSpan<const int32_t> slots, DeviceRecords<T> records,
                     Stream& stream) {
  PFC_CHECK(from.size == slots.size * records.numbers);
  launch("copy_in_records", copy_in<T>, blocks_of_rows(slots.size), kRowThreads, 0, stream, from.address,
         slots.address, slots.size, records);
}

#define PFC_FOR_TYPE(T)                                                                                      \
  template void draw_rows(DeviceRecords<T>, int64_t, const RandomPermutation&, int64_t, uint64_t, float,     \
                          Stream&);                                                                          \
  template void copy_out_records(DeviceRecords<const T>, DeviceSpan<const int32_t>, DeviceSpan<T>, Stream&); \
  template void copy_in_records(DeviceSpan<const T>, DeviceSpan<const int32_t>, DeviceRecords<T>, Stream&);
PFC_FOR_TYPE(float)
PFC_FOR_TYPE(BFloat16)
#undef PFC_FOR_TYPE

}  // namespace partialfc
