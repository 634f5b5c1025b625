#include "trainer/patch_convolution.h"

#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <string>
#include <vector>

namespace partialfc {
namespace {

using torch::Tensor;

struct Shapes {
  int64_t images, in, height, width, out, kernel_height, kernel_width, stride, padding;
};

Tensor channels_last(const Tensor& x) { return x.contiguous(torch::MemoryFormat::ChannelsLast); }

// Small integers: all products and sums are exact, also in bfloat16 as long as they stay below 256.
Tensor integers(at::IntArrayRef shape, int64_t largest, torch::ScalarType type) {
  return channels_last(torch::randint(-largest, largest + 1, shape).to(type)).set_requires_grad(true);
}

class PatchConvolution : public testing::TestWithParam<torch::ScalarType> {
 protected:
  static void expect_equal_to_torch(const Shapes& s, const Tensor& x, const Tensor& weight) {
    const std::string text =
        fmt::format("{} x {} x {} x {}, kernel {} x {}, stride {}, padding {}", s.images, s.in, s.height,
                    s.width, s.kernel_height, s.kernel_width, s.stride, s.padding);
    const auto plain = [](const Tensor& t) { return t.detach().to(torch::kFloat64).requires_grad_(true); };
    const Tensor exact_x = plain(x), exact_weight = plain(weight);
    const Tensor y = patch_convolution(x, weight, s.stride, s.padding);
    const Tensor exact_y = torch::conv2d(exact_x, exact_weight, {}, s.stride, s.padding);
    ASSERT_EQ(y.sizes(), exact_y.sizes()) << text;
    EXPECT_EQ(y.scalar_type(), x.scalar_type());
    EXPECT_TRUE(y.is_contiguous(torch::MemoryFormat::ChannelsLast)) << text;
    EXPECT_TRUE(torch::equal(y.to(torch::kFloat64), exact_y)) << text;
    const Tensor dy = torch::randint(-1, 2, y.sizes()).to(torch::kFloat64);
    y.backward(dy.to(y.scalar_type()));  // not in channels-last memory
    exact_y.backward(dy);
    EXPECT_TRUE(torch::equal(x.grad().to(torch::kFloat64), exact_x.grad())) << text;
    EXPECT_TRUE(torch::equal(weight.grad().to(torch::kFloat64), exact_weight.grad())) << text;
  }
};

TEST_P(PatchConvolution, IsExactOnIntegers) {
  for (const Shapes& s : {Shapes{2, 3, 5, 4, 7, 3, 3, 1, 1}, Shapes{3, 2, 7, 7, 5, 3, 3, 2, 1},
                          Shapes{1, 1, 1, 1, 1, 3, 3, 1, 1}, Shapes{2, 3, 6, 5, 4, 1, 1, 2, 0},
                          Shapes{2, 2, 4, 9, 3, 3, 5, 2, 2}, Shapes{1, 4, 2, 3, 2, 2, 3, 1, 0},
                          Shapes{4, 17, 3, 3, 33, 3, 3, 2, 1}})
    expect_equal_to_torch(s, integers({s.images, s.in, s.height, s.width}, 2, GetParam()),
                          integers({s.out, s.in, s.kernel_height, s.kernel_width}, 1, GetParam()));
}

TEST_P(PatchConvolution, LeavesUnwantedGradientsOut) {
  const Tensor x = integers({2, 3, 4, 4}, 2, GetParam()).detach(),
               weight = integers({5, 3, 3, 3}, 1, GetParam());
  patch_convolution(x, weight, 1, 1).sum().backward();
  EXPECT_FALSE(x.grad().defined());
  EXPECT_EQ(weight.grad().sizes(), weight.sizes());
}

TEST_P(PatchConvolution, IsPreferredWherePositionsAreFew) {
  const auto prefers = [](int64_t size, int64_t kernel, int64_t stride) {
    return prefers_patch_convolution(channels_last(torch::zeros({2, 3, size, size}, GetParam())),
                                     torch::zeros({4, 3, kernel, kernel}, GetParam()), stride, kernel / 2);
  };
  EXPECT_TRUE(prefers(7, 3, 1));
  EXPECT_FALSE(prefers(8, 3, 1));
  EXPECT_TRUE(prefers(14, 3, 2));
  EXPECT_FALSE(prefers(15, 3, 2));
  EXPECT_TRUE(prefers(112, 1, 2));
  EXPECT_FALSE(prefers(112, 1, 1));
  EXPECT_FALSE(prefers_patch_convolution(torch::zeros({2, 3, 4, 4}), torch::zeros({4, 3, 3, 3}), 1, 1));
}

INSTANTIATE_TEST_SUITE_P(Types, PatchConvolution, testing::Values(torch::kFloat32, torch::kBFloat16),
                         [](const auto& info) { return std::string(c10::toString(info.param)); });

}  // namespace
}  // namespace partialfc
