// The layer on a GPU: its visits, and all that a program needs to call it with rows that are there.
//
//     runtime::use_device(0);
//     Stream stream;
//     auto channel = open_device_channel(comm, "head", stream);
//     PartialFC head(options, *channel, make_device_visits(options, share_of(options, comm),
//                                                          {.stream = &stream, .messages_on_device = true}));
//     head.forward(step, DeviceFeatures{features, labels, gradients});
//
// In a library that was built without CUDA each of these throws UsageError that says so.
#pragma once

#include <cstdint>
#include <memory>

#include "partialfc/comm/device_ranks.h"
#include "partialfc/device/buffer.h"
#include "partialfc/head/visits.h"

namespace partialfc {

struct DeviceVisitsOptions {
  int ordinal = 0;  // of the device
  // Of that device, in which features are made; it outlives the visits. Null: one of their own.
  Stream* stream = nullptr;
  // Whether the layer's communicator is on the device too, on the same stream; else messages go through the host, which
  // waits for each.
  bool messages_on_device = false;
  int64_t tile_classes = 0;  // 0: as many as the device's cache holds
  bool tf32 = false;         // float32 products on the matrix units, operands rounded to TF32
  // The rows lie in the host's memory, those in use in so many bytes on the device; 0: all lie there. Twice the rows of a step
  // at least, of all forwards that wait for an update, where the next step's are to come beside it.
  int64_t frame_bytes = 0;
  bool bring_ahead = true;  // the rows of the next step come beside it, as far as they are known
};

// Throws Error where the device's memory is short, with both sizes; UsageError where there is no such GPU, or none that this
// was compiled for.
std::unique_ptr<Visits> make_device_visits(const PartialFCOptions& options, const RankShare& share,
                                           const DeviceVisitsOptions& device);

}  // namespace partialfc
