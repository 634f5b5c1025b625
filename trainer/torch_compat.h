// What differs between versions of libtorch, from 1.13 (Debian 12's) over 2.6 (Debian 13's) to 2.15 (pip's).
#pragma once

#include <torch/types.h>
#include <torch/version.h>

#include <optional>
#include <utility>

namespace partialfc {

// What owns a node of autograd's graph: std::shared_ptr, in newer versions c10::intrusive_ptr.
using AutogradNode = decltype(torch::autograd::impl::grad_accumulator(std::declval<torch::Tensor&>()));

// A tensor that an autograd function may be called without. c10::optional was a type of its own, then std's, and is to go.
#if TORCH_VERSION_MAJOR * 100 + TORCH_VERSION_MINOR < 206
using OptionalTensor = c10::optional<torch::Tensor>;
#else
using OptionalTensor = std::optional<torch::Tensor>;
#endif

}  // namespace partialfc
