#include "measure/onednn.h"

#include <fmt/format.h>
#include <omp.h>

#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>

namespace partialfc {

namespace {

// dst (m, n) = src (m, k) · weights (k, n). Version 3 has no descriptor of an operation apart from its primitive.
dnnl::matmul make_matmul(const dnnl::engine& engine, const dnnl::memory::desc& src,
                         const dnnl::memory::desc& weights, const dnnl::memory::desc& dst) {
#if DNNL_VERSION_MAJOR < 3
  return dnnl::matmul({{src, weights, dst}, engine});
#else
  return dnnl::matmul({engine, src, weights, dst});
#endif
}

// Version 3 tells more of them apart.
std::string instruction_set_name(dnnl::cpu_isa isa) {
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

class DnnlProduct {
 public:
  DnnlProduct(Precision precision, int threads, bool transpose_a, bool transpose_b, int64_t m, int64_t n,
              int64_t k, void* a, void* b, float* c)
      : threads_(threads), engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
    using Memory = dnnl::memory;
    omp_set_num_threads(threads);
    const auto type = precision == Precision::kFloat32 ? Memory::data_type::f32 : Memory::data_type::bf16;
    const auto tag = [](bool transpose) {
      return transpose ? Memory::format_tag::ba : Memory::format_tag::ab;
    };
    const Memory::desc a_desc({m, k}, type, tag(transpose_a)), b_desc({k, n}, type, tag(transpose_b)),
        c_desc({m, n}, Memory::data_type::f32, tag(false));
    matmul_ = make_matmul(engine_, a_desc, b_desc, c_desc);
    arguments_ = {{DNNL_ARG_SRC, Memory(a_desc, engine_, a)},
                  {DNNL_ARG_WEIGHTS, Memory(b_desc, engine_, b)},
                  {DNNL_ARG_DST, Memory(c_desc, engine_, c)}};
  }

  void run() {
    omp_set_num_threads(threads_);
    matmul_.execute(stream_, arguments_);
    stream_.wait();
  }

 private:
  int threads_;
  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::matmul matmul_;
  std::unordered_map<int, dnnl::memory> arguments_;
};

}  // namespace

std::function<void()> onednn_product(Precision precision, int threads, bool transpose_a, bool transpose_b,
                                     int64_t m, int64_t n, int64_t k, void* a, void* b, float* c) {
  auto product =
      std::make_shared<DnnlProduct>(precision, threads, transpose_a, transpose_b, m, n, k, a, b, c);
  return [product] { product->run(); };
}

OnednnVersions onednn_versions() {
  const dnnl_version_t* found = dnnl_version();
  return {.built = fmt::format("{}.{}.{}", DNNL_VERSION_MAJOR, DNNL_VERSION_MINOR, DNNL_VERSION_PATCH),
          .found = fmt::format("{}.{}.{}", found->major, found->minor, found->patch),
          .instruction_set = instruction_set_name(dnnl::get_effective_cpu_isa())};
}

}  // namespace partialfc
