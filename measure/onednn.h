// oneDNN of versions 2 and 3: what differs between them stands here.
#pragma once

#include <oneapi/dnnl/dnnl.hpp>

namespace partialfc {

// dst (m, n) = src (m, k) · weights (k, n). Version 3 has no descriptor of an operation apart from its primitive.
inline dnnl::matmul make_matmul(const dnnl::engine& engine, const dnnl::memory::desc& src,
                                const dnnl::memory::desc& weights, const dnnl::memory::desc& dst) {
#if DNNL_VERSION_MAJOR < 3
  return dnnl::matmul({{src, weights, dst}, engine});
#else
  return dnnl::matmul({engine, src, weights, dst});
#endif
}

}  // namespace partialfc
