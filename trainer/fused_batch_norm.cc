#include "trainer/fused_batch_norm.h"

#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "partialfc/base/error.h"
#include "partialfc/base/parallel.h"
#include "partialfc/kernels/batch_norm.h"
#include "trainer/torch_compat.h"

namespace partialfc {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

torch::MemoryFormat layout_of(const Tensor& x) {
  return x.dim() == 4 ? torch::MemoryFormat::ChannelsLast : torch::MemoryFormat::Contiguous;
}

// Calls body(T()) with T the element type of x.
template <class Body>
void with_type_of(const Tensor& x, Body body) {
  if (x.scalar_type() == torch::kBFloat16)
    body(BFloat16());
  else
    body(float());
}

float* floats(const Tensor& x) { return x.defined() ? x.data_ptr<float>() : nullptr; }

// Activations as (rows, channels), cut into parts by rows for torch's threads.
class RowParts {
 public:
  static constexpr int64_t kMinElements =
      1 << 14;  // of a part: some microseconds, what starting a thread costs

  explicit RowParts(const Tensor& x)
      : channels_(x.size(1)),
        rows_(x.numel() / channels_),
        parts_(std::clamp<int64_t>(x.numel() / kMinElements, 1, at::get_num_threads())) {}

  int64_t rows() const { return rows_; }
  int64_t channels() const { return channels_; }

  void for_each(const std::function<void(int64_t part, Range rows)>& task) const {
    at::parallel_for(0, parts_, 1, [&](int64_t first, int64_t last) {
      for (int64_t part = first; part < last; ++part) task(part, part_of(rows_, parts_, part));
    });
  }

  // Sums per channel, (kinds, C): `add` adds those of some rows; the parts' sums are added in their order.
  std::vector<double> sum(int64_t kinds, const std::function<void(Range rows, double* sums)>& add) const {
    const int64_t size = kinds * channels_;
    std::vector<double> sums(parts_ * size);
    for_each([&](int64_t part, Range rows) { add(rows, &sums[part * size]); });
    for (int64_t part = 1; part < parts_; ++part)
      for (int64_t i = 0; i < size; ++i) sums[i] += sums[part * size + i];
    sums.resize(size);
    return sums;
  }

  template <class T>
  T* at(const Tensor& x, Range rows) const {
    return x.defined() ? static_cast<T*>(x.data_ptr()) + rows.first * channels_ : nullptr;
  }
  template <class T>
  MatrixView<const T> view(const Tensor& x, Range rows) const {
    return {at<const T>(x, rows), rows.size(), channels_};
  }

 private:
  int64_t channels_, rows_, parts_;
};

// What activations are normalised by, (C) each.
struct Statistics {
  Tensor mean, inv_std;
};

void require_a_batch(const Tensor& x, const BatchNormOptions& options) {
  if (options.training && x.numel() / x.size(1) < 2)
    fail("batch normalisation in training: {} value a channel, the variance needs 2: make the batch larger",
         x.numel() / x.size(1));
}

Statistics batch_statistics(const Tensor& x, const BatchNormTensors& tensors,
                            const BatchNormOptions& options) {
  const RowParts parts(x);
  const int64_t channels = parts.channels();
  std::vector<float> pivot(channels);
  std::vector<double> sums;
  with_type_of(x, [&](auto type) {
    using T = decltype(type);
    std::transform(parts.at<T>(x, {}), parts.at<T>(x, {}) + channels, pivot.begin(),
                   [](T v) { return to_float(v); });
    sums = parts.sum(2, [&](Range rows, double* sums) {
      batch_norm_moments(parts.view<T>(x, rows), pivot.data(), sums, sums + channels);
    });
  });
  Statistics batch{torch::empty({channels}, torch::kFloat32), torch::empty({channels}, torch::kFloat32)};
  const auto rows = static_cast<double>(parts.rows());
  for (int64_t c = 0; c < channels; ++c) {
    const double shifted_mean = sums[c] / rows, mean = pivot[c] + shifted_mean;
    const double variance = std::max(0.0, sums[channels + c] / rows - shifted_mean * shifted_mean);
    floats(batch.mean)[c] = static_cast<float>(mean);
    floats(batch.inv_std)[c] = static_cast<float>(1 / std::sqrt(variance + options.epsilon));
    const auto move = [&](const Tensor& running, double value) {
      float& old = floats(running)[c];
      old = static_cast<float>((1 - options.momentum) * old + options.momentum * value);
    };
    if (options.momentum == 0) continue;
    move(tensors.running_mean, mean);
    move(tensors.running_var, variance * rows / (rows - 1));
  }
  return batch;
}

Statistics running_statistics(const BatchNormTensors& tensors, const BatchNormOptions& options) {
  return {tensors.running_mean.clone(), (tensors.running_var + options.epsilon).rsqrt_()};
}

struct FusedBatchNorm : torch::autograd::Function<FusedBatchNorm> {
  // Autograd sees the tensors that are arguments of their own, and takes no undefined ones but optional ones.
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& /*weight*/,
                        const Tensor& /*bias*/, OptionalTensor /*slope*/, OptionalTensor /*residual*/,
                        const BatchNormTensors& tensors, const BatchNormOptions& options) {
    const auto& [weight, bias, running_mean, running_var, slope, residual] = tensors;
    const Statistics by =
        options.training ? batch_statistics(x, tensors, options) : running_statistics(tensors, options);
    const Tensor scale = weight * by.inv_std;
    const Tensor other = residual.defined() ? residual.contiguous(layout_of(x)) : residual;
    const Tensor y = torch::empty(x.sizes(), x.options(), layout_of(x));
    const RowParts parts(x);
    with_type_of(x, [&](auto type) {
      using T = decltype(type);
      parts.for_each([&](int64_t, Range rows) {
        batch_norm_forward({floats(by.mean), floats(scale), floats(bias), floats(slope)},
                           parts.view<T>(x, rows), parts.at<const T>(other, rows), parts.at<T>(y, rows));
      });
    });
    context->save_for_backward({x, weight, bias, slope, by.mean, by.inv_std});
    context->saved_data["training"] = options.training;
    context->saved_data["residual"] = residual.defined();
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1], &bias = saved[2], &slope = saved[3];
    const Tensor &mean = saved[4], &inv_std = saved[5];
    const Tensor dy = gradients[0].contiguous(layout_of(x)),
                 dx = torch::empty(x.sizes(), x.options(), layout_of(x));
    const Tensor scale = weight * inv_std;
    const BatchNormChannels channels{floats(mean), floats(scale), floats(bias), floats(slope)};
    const RowParts parts(x);
    Tensor dweight, dbias, dslope;
    with_type_of(x, [&](auto type) {
      using T = decltype(type);
      const int64_t size = parts.channels();
      std::vector<double> sums = parts.sum(3, [&](Range rows, double* sums) {
        batch_norm_backward_sums(channels, parts.view<T>(x, rows), parts.at<const T>(dy, rows),
                                 {sums, sums + size, slope.defined() ? sums + 2 * size : nullptr});
      });
      const Tensor all = torch::from_blob(sums.data(), {3, size}, torch::kFloat64).to(torch::kFloat32);
      dbias = all[0];
      dweight = all[1] * inv_std;
      if (slope.defined()) dslope = all[2];
      // The batch's statistics depend on x, fixed ones do not.
      const double share =
          context->saved_data["training"].toBool() ? 1.0 / static_cast<double>(parts.rows()) : 0.0;
      const Tensor t_mean = dbias * share, factor = dweight * inv_std * share;
      parts.for_each([&](int64_t, Range rows) {
        batch_norm_backward(channels, floats(t_mean), floats(factor), parts.view<T>(x, rows),
                            parts.at<const T>(dy, rows), parts.at<T>(dx, rows));
      });
    });
    const Tensor dresidual = context->saved_data["residual"].toBool() ? gradients[0] : Tensor();
    return {dx, dweight, dbias, dslope, dresidual, Tensor(), Tensor()};
  }
};

}  // namespace

bool can_fuse_batch_norm(const Tensor& x) {
  return x.device().is_cpu() && (x.scalar_type() == torch::kFloat32 || x.scalar_type() == torch::kBFloat16) &&
         (x.dim() == 2 || x.dim() == 4) && x.is_contiguous(layout_of(x));
}

Tensor fused_batch_norm(const Tensor& x, const BatchNormTensors& tensors, const BatchNormOptions& options) {
  PFC_CHECK(can_fuse_batch_norm(x));
  PFC_CHECK(!tensors.residual.defined() ||
            (tensors.residual.sizes() == x.sizes() && tensors.residual.scalar_type() == x.scalar_type()));
  require_a_batch(x, options);
  return FusedBatchNorm::apply(x, tensors.weight, tensors.bias, OptionalTensor(tensors.slope),
                               OptionalTensor(tensors.residual), tensors, options);
}

Tensor plain_batch_norm(const Tensor& x, const BatchNormTensors& tensors, const BatchNormOptions& options) {
  require_a_batch(x, options);
  // A momentum of 0 leaves the running statistics as they are.
  const Tensor y =
      torch::batch_norm(x, tensors.weight, tensors.bias, tensors.running_mean, tensors.running_var,
                        options.training, options.momentum, options.epsilon, true);
  if (tensors.slope.defined()) return torch::prelu(y, tensors.slope.to(y.scalar_type()));
  return tensors.residual.defined() ? y + tensors.residual : y;
}

}  // namespace partialfc
