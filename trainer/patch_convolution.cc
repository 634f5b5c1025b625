#include "trainer/patch_convolution.h"

#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <algorithm>
#include <cstring>

#include "partialfc/base/error.h"

namespace partialfc {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kFewPositions = 49;  // 7 × 7

struct Geometry {
  Geometry(const Tensor& x, const Tensor& weight, int64_t stride, int64_t padding)
      : images(x.size(0)),
        channels(x.size(1)),
        height(x.size(2)),
        width(x.size(3)),
        kernel_height(weight.size(2)),
        kernel_width(weight.size(3)),
        stride(stride),
        padding(padding),
        out_height((height + 2 * padding - kernel_height) / stride + 1),
        out_width((width + 2 * padding - kernel_width) / stride + 1) {}
  int64_t positions() const { return out_height * out_width; }
  int64_t patch() const { return kernel_height * kernel_width * channels; }

  int64_t images, channels, height, width, kernel_height, kernel_width, stride, padding, out_height,
      out_width;
};

// P (images · out_height · out_width, patch)
Tensor gather_patches(const Tensor& x, const Geometry& g) {
  const Tensor patches = torch::empty({g.images * g.positions(), g.patch()}, x.options());
  const int64_t pixel = g.channels * static_cast<int64_t>(x.element_size());  // bytes
  const int64_t tap_row = g.kernel_width * pixel;
  const auto* from = static_cast<const char*>(x.data_ptr());
  auto* to = static_cast<char*>(patches.data_ptr());
  // One row of one tap row: the part of it that is inside the image is contiguous there.
  const auto gather_row = [&](int64_t image, int64_t in_y, int64_t in_x, char* out) {
    const int64_t left = std::clamp<int64_t>(-in_x, 0, g.kernel_width);
    const int64_t right = std::clamp<int64_t>(g.width - in_x, left, g.kernel_width);
    if (in_y < 0 || in_y >= g.height) {
      std::memset(out, 0, tap_row);
      return;
    }
    std::memset(out, 0, left * pixel);
    std::memcpy(out + left * pixel, from + ((image * g.height + in_y) * g.width + in_x + left) * pixel,
                (right - left) * pixel);
    std::memset(out + right * pixel, 0, tap_row - right * pixel);
  };
  at::parallel_for(0, g.images * g.out_height, 8, [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row)
      for (int64_t out_x = 0; out_x < g.out_width; ++out_x)
        for (int64_t y = 0; y < g.kernel_height; ++y)
          gather_row(row / g.out_height, row % g.out_height * g.stride + y - g.padding,
                     out_x * g.stride - g.padding,
                     to + ((row * g.out_width + out_x) * g.kernel_height + y) * tap_row);
  });
  return patches;
}

// (n, C, H, W) in channels-last memory as the matrix (n · H · W, C), and weights (out, in, kH, kW) as (out, kH · kW · in).
Tensor positions_by_channels(const Tensor& x) { return x.permute({0, 2, 3, 1}).reshape({-1, x.size(1)}); }
Tensor weight_matrix(const Tensor& weight) {
  return weight.permute({0, 2, 3, 1}).reshape({weight.size(0), -1});
}

struct PatchConvolution : torch::autograd::Function<PatchConvolution> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight, int64_t stride,
                        int64_t padding) {
    const Geometry g(x, weight, stride, padding);
    context->save_for_backward({x, weight});
    context->saved_data["stride"] = stride;
    context->saved_data["padding"] = padding;
    return torch::mm(gather_patches(x, g), weight_matrix(weight).t())
        .view({g.images, g.out_height, g.out_width, weight.size(0)})
        .permute({0, 3, 1, 2});
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1], &dy = gradients[0];
    const int64_t stride = context->saved_data["stride"].toInt(),
                  padding = context->saved_data["padding"].toInt();
    const Geometry g(x, weight, stride, padding);
    const Tensor dweight = torch::mm(positions_by_channels(dy).t(), gather_patches(x, g))
                               .view({weight.size(0), g.kernel_height, g.kernel_width, g.channels})
                               .permute({0, 3, 1, 2});
    const Tensor dx =
        std::get<0>(torch::convolution_backward(dy, x, weight, {}, {stride, stride}, {padding, padding},
                                                {1, 1}, false, {0, 0}, 1, {true, false, false}));
    return {dx, dweight, Tensor(), Tensor()};
  }
};

}  // namespace

bool prefers_patch_convolution(const Tensor& x, const Tensor& weight, int64_t stride, int64_t padding) {
  if (!x.device().is_cpu() || !x.is_contiguous(torch::MemoryFormat::ChannelsLast)) return false;
  const Geometry g(x, weight, stride, padding);
  return g.positions() <= kFewPositions || (g.kernel_height == 1 && stride > 1);
}

Tensor patch_convolution(const Tensor& x, const Tensor& weight, int64_t stride, int64_t padding) {
  PFC_CHECK(x.device().is_cpu() && x.is_contiguous(torch::MemoryFormat::ChannelsLast));
  PFC_CHECK(weight.size(1) == x.size(1) && weight.scalar_type() == x.scalar_type());
  return PatchConvolution::apply(x, weight, stride, padding);
}

}  // namespace partialfc
