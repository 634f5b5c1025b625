#include "partialfc/kernels/device_frames.h"

#include <algorithm>

#include "partialfc/base/error.h"
#include "partialfc/device/block.h"

namespace partialfc {

namespace {

constexpr int kListThreads = 256;     // of the one block that lists
constexpr unsigned kMoveBlocks = 64;  // keep the bus busy, and leave the rest of the device to others
constexpr int kItems = 16;            // that a thread of it looks at in a turn

unsigned blocks_for(int64_t count, int64_t of_block) {
  return static_cast<unsigned>((count + of_block - 1) / of_block);
}

// Marks the rows that are in frames before frames are taken.
__global__ void mark_hits(DeviceFrameTable table, int32_t now, const int32_t* slots, int64_t count,
                          int32_t* places) {
  const int64_t j = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (j >= count) return;
  const int32_t frame = slots[j] < 0 ? -1 : table.frame_of.address[slots[j]];
  places[j] = frame;
  if (frame >= 0) table.used_at.address[frame] = now;
}

// take(i, k) for the i of 0 … count − 1 that are wanted, in their order: i is the k-th. Ends once `enough` are found; returns
// how many were. All threads of the block call it.
template <class Wanted, class Take>
__device__ int list_in_order(int64_t count, int64_t enough, int* warp_sums, Wanted wanted, Take take) {
  int found = 0;
  for (int64_t begin = 0; begin < count && found < enough; begin += kListThreads * kItems) {
    const int64_t first = begin + threadIdx.x * kItems;
    bool is_wanted[kItems];
    int mine = 0, total = 0;
    for (int i = 0; i < kItems; ++i) {
      is_wanted[i] = first + i < count && wanted(first + i);
      mine += is_wanted[i];
    }
    int k = found + block_prefix_sum(mine, warp_sums, total);
    for (int i = 0; i < kItems; ++i)
      if (is_wanted[i]) take(first + i, k++);
    found += total;
    __syncthreads();
  }
  return found;
}

// One block: which rows are to come, and the frames they come to.
__global__ void choose_frames(DeviceFrameTable table, FrameBring bring, const int32_t* slots, int64_t count,
                              int32_t* places, int32_t* lacking) {
  __shared__ int32_t warp_sums[kWarp];
  const int64_t frames = table.slot_of.size;
  const int misses = list_in_order(
      count, count, warp_sums, [&](int64_t j) { return slots[j] >= 0 && places[j] < 0; },
      [&](int64_t j, int k) {
        places[j] = 0;
        if (k < frames) table.missing.address[k] = static_cast<int32_t>(j);
      });
  const int64_t hand = *table.hand.address;  // moves on after the next barrier
  const auto frame_at = [&](int64_t i) { return hand + i < frames ? hand + i : hand + i - frames; };
  const int found = list_in_order(
      frames, misses, warp_sums, [&](int64_t i) { return table.used_at.address[frame_at(i)] < bring.oldest; },
      [&](int64_t i, int k) {
        if (k < misses) table.victims.address[k] = static_cast<int32_t>(frame_at(i));
        if (k == misses - 1) *table.hand.address = static_cast<int32_t>(frame_at(i + 1));
      });
  if (threadIdx.x != 0) return;
  *table.count.address = min(misses, found);
  if (lacking != nullptr) *lacking = max(0, misses - found);
}

// Word: 16 bytes, or two where records have no multiple of them.
template <class Word>
__global__ void move_rows(DeviceFrameTable table, int32_t now, const int32_t* slots, int32_t* places) {
  const int lane = threadIdx.x % kWarp;
  const int64_t words = table.record_bytes / int64_t{sizeof(Word)};
  Word* const host = reinterpret_cast<Word*>(table.host_records);
  for (int64_t k = row_of_warp(); k < *table.count.address; k += int64_t{gridDim.x} * kRowWarps) {
    const int32_t j = table.missing.address[k], frame = table.victims.address[k], slot = slots[j],
                  before = table.slot_of.address[frame];
    Word* const record = reinterpret_cast<Word*>(table.frame_records) + frame * words;
    for (int64_t i = lane; i < words; i += kWarp) {
      const Word come = host[slot * words + i];
      if (before >= 0) host[before * words + i] = record[i];
      record[i] = come;
    }
    __syncwarp();  // all lanes know what was there
    if (lane != 0) continue;
    if (before >= 0) table.frame_of.address[before] = -1;
    table.frame_of.address[slot] = frame;
    table.slot_of.address[frame] = slot;
    table.used_at.address[frame] = now;
    places[j] = frame;
  }
}

template <class Word, bool kOut>
__global__ void copy_rows(DeviceFrameTable table, const int32_t* slots, int64_t count, Word* piece) {
  const int64_t i = row_of_warp();
  if (i >= count) return;
  const int64_t words = table.record_bytes / int64_t{sizeof(Word)};
  const int32_t slot = slots[i], frame = table.frame_of.address[slot];
  Word* const record = frame >= 0 ? reinterpret_cast<Word*>(table.frame_records) + frame * words
                                  : reinterpret_cast<Word*>(table.host_records) + slot * words;
  for (int64_t e = threadIdx.x % kWarp; e < words; e += kWarp) {
    if constexpr (kOut)
      piece[i * words + e] = record[e];
    else
      record[e] = piece[i * words + e];
  }
}

bool has_vectors(const DeviceFrameTable& table) { return table.record_bytes % sizeof(Vector<float>) == 0; }

}  // namespace

void bring_rows(const DeviceFrameTable& table, const FrameBring& bring, DeviceSpan<const int32_t> slots,
                DeviceSpan<int32_t> places, DeviceSpan<int32_t> lacking, Stream& stream) {
  PFC_CHECK(places.size == slots.size && table.record_bytes % 2 == 0 &&
            table.missing.size == table.slot_of.size && table.victims.size == table.slot_of.size);
  launch("mark_hits", mark_hits, blocks_for(slots.size, kRowThreads), kRowThreads, 0, stream, table,
         bring.now, slots.address, slots.size, places.address);
  launch("choose_frames", choose_frames, 1, kListThreads, 0, stream, table, bring, slots.address, slots.size,
         places.address, lacking.address);
  launch("move_rows", has_vectors(table) ? move_rows<Vector<float>> : move_rows<uint16_t>,
         std::min(kMoveBlocks, blocks_for(std::min(slots.size, table.slot_of.size), kRowWarps)), kRowThreads,
         0, stream, table, bring.now, slots.address, places.address);
}

void read_rows(const DeviceFrameTable& table, DeviceSpan<const int32_t> slots, DeviceSpan<std::byte> to,
               Stream& stream) {
  PFC_CHECK(to.size == slots.size * table.record_bytes);
  const auto run = [&]<class Word>() {
    launch("read_rows", copy_rows<Word, true>, blocks_for(slots.size, kRowWarps), kRowThreads, 0, stream,
           table, slots.address, slots.size, reinterpret_cast<Word*>(to.address));
  };
  has_vectors(table) ? run.operator()<Vector<float>>() : run.operator()<uint16_t>();
}

void write_rows(const DeviceFrameTable& table, DeviceSpan<const int32_t> slots,
                DeviceSpan<const std::byte> from, Stream& stream) {
  PFC_CHECK(from.size == slots.size * table.record_bytes);
  const auto run = [&]<class Word>() {
    launch("write_rows", copy_rows<Word, false>, blocks_for(slots.size, kRowWarps), kRowThreads, 0, stream,
           table, slots.address, slots.size, reinterpret_cast<Word*>(const_cast<std::byte*>(from.address)));
  };
  has_vectors(table) ? run.operator()<Vector<float>>() : run.operator()<uint16_t>();
}

}  // namespace partialfc
