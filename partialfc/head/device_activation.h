// The classes of a rank that take part in a step, drawn on a device: those that ClassSampler draws, in its order.
//
// The row of position p of this rank lies in slot p − first position. An active class is known by its index 0 … S − 1; S is
// known on the device alone, its bound is the capacity.
#pragma once

#include <cstdint>

#include "partialfc/centers/class_placement.h"
#include "partialfc/device/buffer.h"
#include "partialfc/head/class_sampler.h"

namespace partialfc {

// Of N samples. A class that has samples in the batch is a positive, known by its index k by rising position.
struct DeviceActiveClasses {
  DeviceSpan<int32_t> slots;        // (capacity); −1 from S on
  DeviceSpan<int32_t> positive_of;  // (capacity) k of an active class, or −1
  DeviceSpan<int32_t>
      class_of;  // (N) active index of a sample's class, −1: it lives elsewhere or takes no part
  DeviceSpan<int32_t> samples;       // (N) the samples whose class is here, by positive, then n
  DeviceSpan<int32_t> first_sample;  // (N + 1) where those of positive k begin in `samples`
};

class DeviceActivation {
 public:
  // The classes in `blocks` are this rank's, at most 2^31 − 1. max_samples: N.
  DeviceActivation(const ClassPlacement& placement, Range blocks, const ClassSampler& sampler,
                   int64_t max_samples);

  // The most classes of these blocks that can be active.
  static int64_t capacity_of(const ClassPlacement& placement, Range blocks, const ClassSampler& sampler,
                             int64_t max_samples);
  int64_t capacity() const { return capacity_; }
  // labels (N): class ids, −1 for rows that take no part. count (1) ← S. Four launches.
  void activate(int64_t step, DeviceSpan<const int64_t> labels, DeviceSpan<int32_t> count, Stream& stream);
  DeviceActiveClasses active() const;

 private:
  const ClassPlacement placement_;
  const Range blocks_, positions_;
  const ClassSampler sampler_;
  const int64_t max_samples_;
  const int64_t capacity_;
  DeviceBuffer<int32_t> block_first_;  // (B + 1) first slot of each block
  DeviceBuffer<int32_t> shares_;       // (B)

  DeviceBuffer<int32_t> slots_, positive_of_, class_of_, samples_, first_sample_;
  // Scratch: of the samples, slot of the class or −1; sorted; distinct. Of the blocks, where their classes and positives begin.
  DeviceBuffer<int32_t> slot_of_, sorted_, positives_;
  DeviceBuffer<int32_t> offsets_, first_positive_;  // (B + 1)
};

}  // namespace partialfc
