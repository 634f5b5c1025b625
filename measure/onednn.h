// oneDNN of versions 2 and 3: what differs between them stands here.
#pragma once

#include <oneapi/dnnl/dnnl.hpp>
#include <string>

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

// Version 3 tells more of them apart.
inline std::string instruction_set_name(dnnl::cpu_isa isa) {
  switch (isa) {
    case dnnl::cpu_isa::sse41:
      return "SSE4.1";
    case dnnl::cpu_isa::avx:
      return "AVX";
    case dnnl::cpu_isa::avx2:
      return "AVX2";
    case dnnl::cpu_isa::avx2_vnni:
      return "AVX2 VNNI";
    case dnnl::cpu_isa::avx512_core:
      return "AVX-512";
    case dnnl::cpu_isa::avx512_core_vnni:
      return "AVX-512 VNNI";
    case dnnl::cpu_isa::avx512_core_bf16:
      return "AVX-512 BF16";
    case dnnl::cpu_isa::avx512_core_amx:
      return "AMX";
#if DNNL_VERSION_MAJOR >= 3
    case dnnl::cpu_isa::avx2_vnni_2:
      return "AVX2 VNNI with BF16";
    case dnnl::cpu_isa::avx512_core_fp16:
      return "AVX-512 FP16";
    case dnnl::cpu_isa::avx512_core_amx_fp16:
      return "AMX FP16";
#endif
    default:
      return "instruction set " + std::to_string(static_cast<int>(isa));
  }
}

}  // namespace partialfc
