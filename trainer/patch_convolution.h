// Convolution as one matrix product over gathered patches, for shapes at which oneDNN's own kernels are slow.
//
//     y (M, out) = P · Wᵀ,    ∂W (out, K) = ∂yᵀ · P
//
// M = n · out height · out width; P (M, K) holds for each output position the K = kernel height · kernel width · in
// inputs that it sees, zeros outside the image. In channels-last memory y and W lie as these matrices do.
#pragma once

#include <torch/types.h>

namespace partialfc {

// Whether patch_convolution is the faster way for this convolution without groups: it is for outputs of few positions,
// where oneDNN (2.6) runs at a tenth to a half of a matrix product's rate, and for strided 1 × 1 kernels.
// x (n, in, H, W); weight (out, in, kernel, kernel).
bool prefers_patch_convolution(const torch::Tensor& x, const torch::Tensor& weight, int64_t stride,
                               int64_t padding);

// conv2d(x, weight), differentiable. x is on the CPU, in channels-last memory, float32 or bfloat16 as weight is.
torch::Tensor patch_convolution(const torch::Tensor& x, const torch::Tensor& weight, int64_t stride,
                                int64_t padding);

}  // namespace partialfc
