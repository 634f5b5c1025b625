// What goes on between the frames of a file store and its working file: a frame changes hands, and the records of adjacent
// slots, which lie side by side in the file, go there or come from there in one transfer.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace partialfc {

// A frame's old row leaves, its new one comes. Each slot may be kNone.
struct Move {
  static constexpr uint32_t kNone = UINT32_MAX;

  uint32_t frame = 0;
  uint32_t write = kNone;     // the slot whose record leaves, to the file
  uint32_t read = kNone;      // the slot whose record comes, from the file
  uint32_t generate = kNone;  // the slot that comes with its class's first record
};

// So many make a task at most.
constexpr size_t kMostMovesOfTask = 32;

struct FrameMemory {
  std::byte* data = nullptr;  // (frames, stride)
  int64_t stride = 0;         // bytes from one record to the next, here and in the file
};

// transfer(offset in the file, parts of memory) for each run of adjacent slots among the moves: with slot = &Move::write
// of those that leave, with &Move::read of those that come.
void for_each_run(std::span<const Move> moves, uint32_t Move::*slot, const FrameMemory& frames,
                  auto transfer) {
  const auto stride = static_cast<size_t>(frames.stride);
  std::array<iovec, kMostMovesOfTask> parts;
  for (size_t i = 0; i < moves.size();) {
    const uint32_t first = moves[i].*slot;
    size_t count = 0;
    for (; i < moves.size() && moves[i].*slot != Move::kNone && moves[i].*slot == first + count; ++i)
      parts[count++] = {frames.data + moves[i].frame * stride, stride};
    if (count == 0)
      ++i;
    else
      transfer(uint64_t{first} * stride, std::span(parts).first(count));
  }
}

}  // namespace partialfc
