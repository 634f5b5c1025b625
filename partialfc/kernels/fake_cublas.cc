#include "partialfc/kernels/fake_cublas.h"

#include <cstring>
#include <map>

#include "partialfc/base/precision.h"
#include "partialfc/device/simt/control.h"

namespace partialfc {

namespace {

// What the opaque handles point to.
struct Operation {
  cublasComputeType_t compute_type{};
  std::map<cublasLtMatmulDescAttributes_t, cublasOperation_t> transposed;
};
struct Layout {
  cudaDataType_t type{};
  int64_t rows = 0, cols = 0, stride = 0;  // by columns
};
struct Preference {
  std::map<cublasLtMatmulPreferenceAttributes_t, uint64_t> values;
};

template <class Mine, class Handle>
Mine& mine(Handle handle) {
  return *reinterpret_cast<Mine*>(handle);
}
template <class Mine, class Handle>
cublasStatus_t make(Handle* handle, Mine made) {
  *handle = reinterpret_cast<Handle>(new Mine(std::move(made)));
  ++fake_cublas().alive;
  return CUBLAS_STATUS_SUCCESS;
}
template <class Mine, class Handle>
cublasStatus_t destroy(Handle handle) {
  delete &mine<Mine>(handle);
  --fake_cublas().alive;
  return CUBLAS_STATUS_SUCCESS;
}

float element(const Layout& layout, const void* values, int64_t row, int64_t col) {
  const int64_t place = row + col * layout.stride;
  return layout.type == CUDA_R_32F ? static_cast<const float*>(values)[place]
                                   : to_float(static_cast<const BFloat16*>(values)[place]);
}
void put(const Layout& layout, void* values, int64_t row, int64_t col, float value) {
  const int64_t place = row + col * layout.stride;
  if (layout.type == CUDA_R_32F)
    static_cast<float*>(values)[place] = value;
  else
    static_cast<BFloat16*>(values)[place] = to_bfloat16(value);
}

cublasStatus_t set_operation(cublasLtMatmulDesc_t operation, cublasLtMatmulDescAttributes_t which,
                             const void* value, size_t bytes) {
  if (bytes != sizeof(cublasOperation_t)) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&mine<Operation>(operation).transposed[which], value, bytes);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t set_preference(cublasLtMatmulPreference_t preference,
                              cublasLtMatmulPreferenceAttributes_t which, const void* value, size_t bytes) {
  if (bytes != (which == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES ? 8 : 4))
    return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&mine<Preference>(preference).values[which], value, bytes);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t find_algorithms(cublasLtHandle_t, cublasLtMatmulDesc_t, cublasLtMatrixLayout_t,
                               cublasLtMatrixLayout_t, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                               cublasLtMatmulPreference_t preference, int,
                               cublasLtMatmulHeuristicResult_t* found, int* count) {
  FakeCublas& fake = fake_cublas();
  ++fake.searches;
  fake.reduction_schemes =
      static_cast<uint32_t>(mine<Preference>(preference).values[CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK]);
  *count = fake.has_algorithms ? 1 : 0;
  found->state = CUBLAS_STATUS_SUCCESS;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t multiply(cublasLtHandle_t, cublasLtMatmulDesc_t operation, const void* alpha, const void* a,
                        cublasLtMatrixLayout_t a_layout, const void* b, cublasLtMatrixLayout_t b_layout,
                        const void* beta, const void* c, cublasLtMatrixLayout_t c_layout, void* d,
                        cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t*, void* workspace, size_t,
                        cudaStream_t stream) {
  const Operation asked = mine<Operation>(operation);
  fake_cublas().workspaces.push_back(workspace);
  fake_cublas().compute_type = asked.compute_type;
  const Layout left = mine<Layout>(a_layout), right = mine<Layout>(b_layout), sum = mine<Layout>(c_layout),
               result = mine<Layout>(d_layout);
  const bool left_transposed = asked.transposed.at(CUBLASLT_MATMUL_DESC_TRANSA) == CUBLAS_OP_T,
             right_transposed = asked.transposed.at(CUBLASLT_MATMUL_DESC_TRANSB) == CUBLAS_OP_T;
  const int64_t rows = left_transposed ? left.cols : left.rows,
                inner = left_transposed ? left.rows : left.cols,
                cols = right_transposed ? right.rows : right.cols;
  if (inner != (right_transposed ? right.cols : right.rows) || rows != result.rows || cols != result.cols)
    return CUBLAS_STATUS_INVALID_VALUE;
  const float scale = *static_cast<const float*>(alpha), keep = *static_cast<const float*>(beta);
  simt::enqueue(stream, "cublasLtMatmul", [=] {
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < cols; ++j) {
        float total = 0;
        for (int64_t k = 0; k < inner; ++k)
          total += (left_transposed ? element(left, a, k, i) : element(left, a, i, k)) *
                   (right_transposed ? element(right, b, j, k) : element(right, b, k, j));
        put(result, d, i, j, scale * total + (keep != 0 ? keep * element(sum, c, i, j) : 0));
      }
    return true;
  });
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace

FakeCublas& fake_cublas() {
  static FakeCublas fake;
  return fake;
}

const CublasLibrary& fake_cublas_library() {
  static const CublasLibrary library = {
      .create = [](cublasLtHandle_t* handle) { return make(handle, 0); },
      .destroy = destroy<int, cublasLtHandle_t>,
      .status_string = [](cublasStatus_t) { return "a status"; },
      .create_operation =
          [](cublasLtMatmulDesc_t* operation, cublasComputeType_t compute, cudaDataType_t) {
            return make(operation, Operation{compute, {}});
          },
      .destroy_operation = destroy<Operation, cublasLtMatmulDesc_t>,
      .set_operation = set_operation,
      .create_layout =
          [](cublasLtMatrixLayout_t* layout, cudaDataType_t type, uint64_t rows, uint64_t cols,
             int64_t stride) {
            return make(layout, Layout{type, static_cast<int64_t>(rows), static_cast<int64_t>(cols), stride});
          },
      .destroy_layout = destroy<Layout, cublasLtMatrixLayout_t>,
      .create_preference =
          [](cublasLtMatmulPreference_t* preference) { return make(preference, Preference{}); },
      .destroy_preference = destroy<Preference, cublasLtMatmulPreference_t>,
      .set_preference = set_preference,
      .find_algorithms = find_algorithms,
      .multiply = multiply};
  return library;
}

}  // namespace partialfc
