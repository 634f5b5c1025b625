// Kernels of the device layer's own tests, by what they exercise.
#pragma once

#include "partialfc/base/precision.h"
#include "partialfc/device/buffer.h"

namespace partialfc {

// y_i ← x_i · factor. A plain grid, no barrier.
void scale(DeviceSpan<const float> x, float factor, DeviceSpan<float> y, Stream& stream);
// y_i ← x_i, 16 bytes at a time, rounded down to them.
void copy_vectors(DeviceSpan<const float> x, DeviceSpan<float> y, Stream& stream);
// norms_i ← 1/‖row i‖ of x (rows, cols), cols a multiple of 8. A warp a row, early return, shuffles.
void inverse_norms(DeviceMatrix<const BFloat16> x, DeviceSpan<float> norms, Stream& stream);
// sums_j += Σ_i x_ij, x (rows, cols). Dynamic shared memory, barriers, a loop over the grid, atomics.
void column_sums(DeviceMatrix<const float> x, DeviceSpan<float> sums, Stream& stream);
// kept ← the i for which flags_i is not 0, in order; count ← how many. Static shared memory, ballots; one block.
void compact(DeviceSpan<const int> flags, DeviceSpan<int> kept, DeviceSpan<int> count, Stream& stream);
// y ← xᵀ of x (rows, cols). A template with static shared memory, two-dimensional blocks.
void transpose(DeviceMatrix<const float> x, DeviceMatrix<float> y, Stream& stream);
void transpose(DeviceMatrix<const BFloat16> x, DeviceMatrix<BFloat16> y, Stream& stream);
// results[i] ← what the i-th warp function gives for lane values 3·lane + 1, (count, 32).
constexpr int kWarpResults = 16;
void warp_functions(DeviceMatrix<int> results, Stream& stream);

}  // namespace partialfc
