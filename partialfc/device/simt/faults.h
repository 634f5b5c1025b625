// Kernels with a fault each, which the simulator has to find.
#pragma once

#include "partialfc/device/stream.h"
#include "partialfc/device/view.h"

namespace partialfc::faults {

// Of threads that wait for each other.
void divergent_barriers(Stream& stream);  // two calls of __syncthreads
void barrier_in_a_branch(
    Stream& stream);  // lane 8 of warp 1 is at a barrier while its warp waits for it in a ballot
void missing_lane(Stream& stream);     // lane 3 is at a barrier, the others shuffle
void different_masks(Stream& stream);  // halves of a warp shuffle with masks that name the other half too
void lane_outside_its_mask(Stream& stream);

// Of memory. offset: in elements.
void global_store(DeviceSpan<float> x, int64_t offset, Stream& stream);
void dynamic_shared_store(int size, int offset, Stream& stream);
void static_shared_load(int offset, DeviceSpan<float> y, Stream& stream);  // of 32 elements
void template_shared_load(int offset, DeviceSpan<float> y, Stream& stream);
void misaligned_load(DeviceSpan<const float> x, int64_t offset, DeviceSpan<float> y, Stream& stream);
void misaligned_cached_load(DeviceSpan<const float> x, int64_t offset, DeviceSpan<float> y,
                            Stream& stream);  // __ldg
// y_0 … y_3 ← what nobody wrote: of x, of dynamic, of static shared memory, of a template's; two blocks, which then
// write it.
void unwritten(DeviceSpan<const float> x, DeviceSpan<float> y, Stream& stream);

// Of order. 128 threads, one block; y (128).
void race(DeviceSpan<int> y, Stream& stream);  // a barrier is missing between stores and loads
void hidden_race(DeviceSpan<int> y,
                 Stream& stream);  // one is missing at the end of a loop: right if warps run in order
void warp_race(DeviceSpan<int> y, Stream& stream);  // __syncwarp is missing
void shuffle_race(DeviceSpan<int> y,
                  Stream& stream);  // a shuffle is there in its place, which orders no memory
void race_of_blocks(DeviceSpan<int> y, Stream& stream);  // two blocks of 64: each loads what the other stores
void atomic_and_plain(DeviceSpan<int> y, Stream& stream);
void shared_by_turns(DeviceSpan<int> y,
                     Stream& stream);  // no fault: blocks of 64 use shared memory, static and dynamic
void order_of_blocks(DeviceSpan<int> y, Stream& stream);  // y_0 ← the last block's number, of 5

// Of the launch.
void launch_with(unsigned threads, int64_t shared, unsigned grid_y, Stream& stream);
// Thread 17 of block 2 throws while others wait at a barrier; *unwound counts their destructors.
void throws(int* unwound, Stream& stream);

}  // namespace partialfc::faults
