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
  // the other tiles use in turn.
  DeviceForward(const PartialFCOptions& options, const RankShare& share, int64_t samples,
                int64_t kept_classes, int64_t tile_classes)
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
        counts(4),
        cosines(samples),
        weights(samples),
        coefficients(samples),
        shifts(samples),
        host_slots(activation.capacity()) {}

  int64_t samples() const { return labels.size(); }  // N
  DeviceMatrix<float> unit_features() const { return features.matrix(samples(), dim); }
  DeviceMatrix<T> operand_of(const DeviceBuffer<T>& buffer) const {
    return {buffer.span().address, samples(), dim, padded_for_device(dim)};
  }

  // What a step counts, cleared when it begins, each (1): S, bad rows (pack_batch), samples, what is not finite.
  DeviceSpan<int32_t> active_count() const { return counts.span().part(0, 1); }
  DeviceSpan<int32_t> bad_row() const { return counts.span().part(1, 1); }
  DeviceSpan<int32_t> sample_count() const { return counts.span().part(2, 1); }
  DeviceSpan<int32_t> not_finite() const { return counts.span().part(3, 1); }

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

  // For a RowObserver: the slots as the host sees them, once the sums have been read.
  PinnedBuffer<int32_t> host_slots;  // (S)
};

}  // namespace partialfc
