// Batch normalisation with a PReLU or a residual fused in (kernels/batch_norm.h), as an operation of libtorch's autograd.
//
//     y = prelu(batch_norm(x), slope)    or    y = batch_norm(x) + residual    or    y = batch_norm(x)
//
// Activations are on the CPU, float32 or bfloat16, (n, C, H, W) in channels-last memory or (n, C); parameters and
// statistics are float32 (C). Equal numbers of torch's threads give equal bits.
#pragma once

#include <torch/types.h>

namespace partialfc {

struct BatchNormTensors {
  torch::Tensor weight, bias;  // γ, β
  torch::Tensor running_mean, running_var;
  torch::Tensor slope;     // undefined: no PReLU
  torch::Tensor residual;  // undefined: none; not together with a slope
};

struct BatchNormOptions {
  bool training = false;  // the batch's statistics, else the running ones
  double momentum =
      0.1;  // training: running ← (1 − momentum) · running + momentum · batch, variance unbiased
  double epsilon = 1e-5;
};

// Whether fused_batch_norm takes activations like x.
bool can_fuse_batch_norm(const torch::Tensor& x);

torch::Tensor fused_batch_norm(const torch::Tensor& x, const BatchNormTensors& tensors,
                               const BatchNormOptions& options);

// The same by torch's own operations, for any device, layout and type.
torch::Tensor plain_batch_norm(const torch::Tensor& x, const BatchNormTensors& tensors,
                               const BatchNormOptions& options);

}  // namespace partialfc
