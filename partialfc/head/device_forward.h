// What a forward half leaves for the update on a device. Internal to head/.
//
// T: number format of the rows and of the products' operands, float or BFloat16. Sizes are of the most there can be: N all
// rows of the padded global batch, up to a multiple of 8; S the capacity of the activation. What is past the count of a step
// is 0.
#pragma once

#include "partialfc/head/device_activation.h"
#include "partialfc/head/partial_fc_options.h"
#include "partialfc/head/visits.h"
#include "partialfc/kernels/device_rows.h"

namespace partialfc {

template <class T>
struct DeviceForward {
  // kept_classes: E of the first so many active classes is kept, whole tiles or all; `tile_classes` more have a place that
  // the other tiles use in turn. in_frames: records lie in frames, not by slot.
  DeviceForward(const PartialFCOptions& options, const RankShare& share, int64_t samples,
                int64_t kept_classes, int64_t tile_classes, bool in_frames)
      : activation(ClassPlacement(options.num_classes, options.seed), share.blocks,
                   ClassSampler(ClassPlacement(options.num_classes, options.seed), options.sample_rate,
                                options.seed),
                   samples),
        inverse_norms(activation.capacity()),
        kept_classes(kept_classes),
        values((kept_classes + (kept_classes < activation.capacity() ? tile_classes : 0)) * samples),
        dim(options.dim),
        labels(samples),
        features(samples * options.dim),
        operand(samples * padded_for_device(options.dim)),
        weighted(samples * padded_for_device(options.dim)),
        counts(kCounts),
        cosines(samples),
        weights(samples),
        coefficients(samples),
        shifts(samples),
        frames(in_frames ? activation.capacity() : 0),
        host_slots(activation.capacity()) {}

  int64_t samples() const { return labels.size(); }  // N
  DeviceMatrix<float> unit_features() const { return features.matrix(samples(), dim); }
  DeviceMatrix<T> operand_of(const DeviceBuffer<T>& buffer) const {
    return {buffer.span().address, samples(), dim, padded_for_device(dim)};
  }

  enum Count { kActive, kBadRow, kSamples, kNotFinite, kLackingFrames, kCounts };  // places in `counts`
  // What a step counts, cleared when it begins, each (1): S, bad rows (pack_batch), samples, what is not finite,
  // frames that there are too few.
  DeviceSpan<int32_t> active_count() const { return counts.span().part(kActive, 1); }
  DeviceSpan<int32_t> bad_row() const { return counts.span().part(kBadRow, 1); }
  DeviceSpan<int32_t> sample_count() const { return counts.span().part(kSamples, 1); }
  DeviceSpan<int32_t> not_finite() const { return counts.span().part(kNotFinite, 1); }
  DeviceSpan<int32_t> lacking_frames() const { return counts.span().part(kLackingFrames, 1); }
  // Where the records of the active classes lie (S), −1 for none.
  DeviceSpan<const int32_t> places() const {
    return frames.size() > 0 ? frames.span() : activation.active().slots;
  }

  DeviceActivation activation;
  DeviceBuffer<float> inverse_norms;  // (S)
  const int64_t kept_classes;
  DeviceBuffer<T> values;  // E/‖w‖ (places, N)

  const int64_t dim;                  // D
  DeviceBuffer<int64_t> labels;       // (N)
  DeviceBuffer<float> features;       // x̂ (N, D)
  DeviceBuffer<T> operand, weighted;  // x̂ and weights · x̂ (N, padded D)
  DeviceBuffer<int32_t> counts;
  DeviceBuffer<float> cosines, weights, coefficients, shifts;  // (N)
  bool is_shifted = false;                                     // by `shifts`; else by fixed_shift()

  DeviceBuffer<int32_t> frames;  // (S), where records lie in frames
  int32_t brought_at = 0;        // number of the bring that took them there

  // For a RowObserver: the slots as the host sees them, once the sums have been read.
  PinnedBuffer<int32_t> host_slots;  // (S)
};

}  // namespace partialfc
