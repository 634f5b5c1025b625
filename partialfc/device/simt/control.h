// What tests say to the simulator.
//
// Before the first call these are read from the environment: PARTIALFC_SIMT_DEVICES, PARTIALFC_SIMT_SEED.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "partialfc/device/runtime.h"

namespace partialfc::simt {

// What is free to go in one order or another goes, by seed,
//   0  threads and blocks by number; a stream's work when it is waited for and not before;
//   1  threads and blocks backwards; work as soon as it is queued;
//   2  threads and blocks at random; all other streams of the device run before the one that is waited for;
//   3, 4, …  threads, blocks and streams at random.
// A program that is right comes to the same under each. Streams must be empty.
void set_seed(uint64_t seed);

// Devices that there are: `count`, of so much memory each. None of today's may be in use any more.
void set_devices(int count, int64_t bytes_each = int64_t{8} << 30);

// What the program has asked of its devices so far.
struct Counts {
  int64_t queued = 0;       // kernels, copies, fills and what enqueue() queued
  int64_t waits = 0;        // of the host, for a stream or an event
  int64_t allocations = 0;  // of a device's memory and of pinned memory
};
Counts counts();

// Queues work of another kind in a stream: what stands in for a library that works on a device. It is called when its turn
// comes, with the device's memory in reach, and again for as long as it returns false: not yet. What it throws fails the
// stream's device, as a kernel's failure does. It must not call the runtime.
void enqueue(runtime::StreamHandle stream, const std::string& name, std::function<bool()> work);

}  // namespace partialfc::simt
