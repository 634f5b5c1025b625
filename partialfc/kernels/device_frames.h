// Records that lie in the host's memory, and those in use in frames of the device's. Which row is in which frame the device
// knows alone: what a step draws is known there, and the host would have to wait for it.
//
// A bring moves the rows of some slots into frames. It goes through the frames as a clock's hand does and takes those that no
// bring since `oldest` has used; the row that was in one goes back to the host's memory, while the new one comes: kernels
// read and write that memory themselves, so both directions of the bus are in use at once.
#pragma once

#include <cstddef>
#include <cstdint>

#include "partialfc/device/stream.h"
#include "partialfc/device/view.h"

namespace partialfc {

// A row is known by its slot 0 … rows − 1. Records have an even number of bytes.
struct DeviceFrameTable {
  std::byte* host_records = nullptr;   // of all rows, pinned
  std::byte* frame_records = nullptr;  // of the F frames
  int64_t record_bytes = 0;
  DeviceSpan<int32_t> frame_of;  // (rows) −1: the host's memory has it
  DeviceSpan<int32_t> slot_of;   // (F) −1: empty
  DeviceSpan<int32_t> used_at;   // (F) number of the bring that used it last, −1 of none
  DeviceSpan<int32_t> hand;      // (1) the frame that is looked at next, from 0
  // Scratch of a bring: which of its slots are to come, into which frames, and how many.
  DeviceSpan<int32_t> missing, victims;  // (F)
  DeviceSpan<int32_t> count;             // (1)
};

struct FrameBring {
  int32_t now = 0;     // its number, rising from 0
  int32_t oldest = 0;  // what this bring and later ones have used stays
};

// places[j] ← the frame of slots[j], −1 where there is none. Distinct slots. lacking (1) ← how many frames there are too few
// for it, where the span is not empty; these rows stay where they are and their places are 0. Three launches.
void bring_rows(const DeviceFrameTable& table, const FrameBring& bring, DeviceSpan<const int32_t> slots,
                DeviceSpan<int32_t> places, DeviceSpan<int32_t> lacking, Stream& stream);

// to ← the records of these slots behind one another, wherever they are; or the records ← from. slots (n), distinct.
void read_rows(const DeviceFrameTable& table, DeviceSpan<const int32_t> slots, DeviceSpan<std::byte> to,
               Stream& stream);
void write_rows(const DeviceFrameTable& table, DeviceSpan<const int32_t> slots,
                DeviceSpan<const std::byte> from, Stream& stream);

}  // namespace partialfc
