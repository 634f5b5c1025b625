#include "partialfc/kernels/cublas_products.h"

#include <array>
#include <map>
#include <type_traits>
#include <utility>

#include "partialfc/base/error.h"
#include "partialfc/device/buffer.h"

namespace partialfc {

namespace {

constexpr int64_t kWorkspaceBytes = 32 << 20;  // what the fastest algorithms for Hopper take
constexpr uint32_t kAlignment = 16;            // of matrices and their rows, bytes

template <class T>
constexpr cudaDataType_t kTypeOf = std::is_same_v<T, float> ? CUDA_R_32F : CUDA_R_16BF;

// A description that the library has made.
template <class Handle>
class Owned {
 public:
  using Destroy = cublasStatus_t (*)(Handle);

  Owned() = default;
  Owned(Handle handle, Destroy destroy) : handle_(handle), destroy_(destroy) {}
  Owned(Owned&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)), destroy_(other.destroy_) {}
  Owned& operator=(Owned&& other) noexcept {
    std::swap(handle_, other.handle_);
    std::swap(destroy_, other.destroy_);
    return *this;
  }
  ~Owned() {
    if (handle_ != nullptr) destroy_(handle_);
  }
  Handle get() const { return handle_; }

 private:
  Handle handle_ = nullptr;
  Destroy destroy_ = nullptr;
};

// An operand or a result as the library sees it: its columns are our rows.
struct Operand {
  cudaDataType_t type{};
  int64_t rows = 0, cols = 0;  // in memory: rows of `cols` numbers, `stride` apart
  int64_t stride = 0;

  auto operator<=>(const Operand&) const = default;
};

template <class T>
Operand operand_of(const DeviceMatrix<T>& matrix) {
  return {kTypeOf<std::remove_const_t<T>>, matrix.rows, matrix.cols, matrix.stride};
}

// result (rows, cols) ← left · right, either operand as it is or transposed.
struct Shape {
  bool left_transposed = false, right_transposed = false;
  Operand left, right, result;

  auto operator<=>(const Shape&) const = default;
};

// (rows, cols, inner) of it.
std::array<int64_t, 3> size_of(const Shape& shape) {
  const auto [rows, inner] = shape.left_transposed ? std::pair(shape.left.cols, shape.left.rows)
                                                   : std::pair(shape.left.rows, shape.left.cols);
  const auto [inner_too, cols] = shape.right_transposed ? std::pair(shape.right.cols, shape.right.rows)
                                                        : std::pair(shape.right.rows, shape.right.cols);
  PFC_CHECK(inner == inner_too && shape.result.rows == rows && shape.result.cols == cols,
            "({}, {}) and ({}, {}) to ({}, {})", rows, inner, inner_too, cols, shape.result.rows,
            shape.result.cols);
  return {rows, cols, inner};
}

// How a product of this shape is made.
struct Plan {
  Owned<cublasLtMatmulDesc_t> operation;
  Owned<cublasLtMatrixLayout_t> left, right, result;
  cublasLtMatmulAlgo_t algorithm{};
};

template <class T>
class CublasProducts final : public DeviceProducts<T> {
 public:
  CublasProducts(const CublasLibrary& library, bool tf32) : library_(library), tf32_(tf32) {
    cublasLtHandle_t handle = nullptr;
    check(library.create(&handle), "cublasLtCreate");
    handle_ = {handle, library.destroy};
  }

  void logits(DeviceMatrix<const T> centers, DeviceMatrix<const T> features, DeviceMatrix<T> products,
              Stream& stream) override {
    multiply({false, true, operand_of(centers), operand_of(features), operand_of(products)}, centers.address,
             features.address, 0, products.address, stream);
  }
  void u(bool accumulate, DeviceMatrix<const T> values, DeviceMatrix<const T> centers, DeviceMatrix<float> u,
         Stream& stream) override {
    multiply({true, false, operand_of(values), operand_of(centers), operand_of(u)}, values.address,
             centers.address, accumulate ? 1 : 0, u.address, stream);
  }
  void gradients(DeviceMatrix<const T> values, DeviceMatrix<const T> weighted, DeviceMatrix<float> gradients,
                 Stream& stream) override {
    multiply({false, false, operand_of(values), operand_of(weighted), operand_of(gradients)}, values.address,
             weighted.address, 0, gradients.address, stream);
  }

 private:
  void check(cublasStatus_t status, const char* call) const {
    if (status != CUBLAS_STATUS_SUCCESS) fail("{}: {}", call, library_.status_string(status));
  }
  void multiply(const Shape& shape, const void* left, const void* right, float beta, void* result,
                Stream& stream);
  Owned<cublasLtMatrixLayout_t> layout_of(const Operand& operand) const;
  Plan plan_for(const Shape& shape) const;
  DeviceSpan<std::byte> workspace_of(Stream& stream);

  const CublasLibrary& library_;
  const bool tf32_;
  Owned<cublasLtHandle_t> handle_;
  std::map<Shape, Plan> plans_;
  std::map<runtime::StreamHandle, DeviceBuffer<std::byte>> workspaces_;
};

// The library keeps matrices by columns: in its eyes our row-major matrix is the transposed one, and
// result = left · right is resultᵀ = rightᵀ · leftᵀ.
template <class T>
Owned<cublasLtMatrixLayout_t> CublasProducts<T>::layout_of(const Operand& operand) const {
  cublasLtMatrixLayout_t layout = nullptr;
  check(library_.create_layout(&layout, operand.type, static_cast<uint64_t>(operand.cols),
                               static_cast<uint64_t>(operand.rows), operand.stride),
        "cublasLtMatrixLayoutCreate");
  return {layout, library_.destroy_layout};
}

template <class T>
Plan CublasProducts<T>::plan_for(const Shape& shape) const {
  const auto [rows, cols, inner] = size_of(shape);
  Plan plan;
  cublasLtMatmulDesc_t operation = nullptr;
  const bool rounds = tf32_ && std::is_same_v<T, float>;
  check(library_.create_operation(&operation, rounds ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F,
                                  CUDA_R_32F),
        "cublasLtMatmulDescCreate");
  plan.operation = {operation, library_.destroy_operation};
  const auto transpose = [&](cublasLtMatmulDescAttributes_t which, bool transposed) {
    const cublasOperation_t value = transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
    check(library_.set_operation(operation, which, &value, sizeof value), "cublasLtMatmulDescSetAttribute");
  };
  transpose(CUBLASLT_MATMUL_DESC_TRANSA, shape.right_transposed);
  transpose(CUBLASLT_MATMUL_DESC_TRANSB, shape.left_transposed);
  plan.left = layout_of(shape.left);
  plan.right = layout_of(shape.right);
  plan.result = layout_of(shape.result);

  cublasLtMatmulPreference_t handle = nullptr;
  check(library_.create_preference(&handle), "cublasLtMatmulPreferenceCreate");
  const Owned<cublasLtMatmulPreference_t> preference(handle, library_.destroy_preference);
  const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t which, const auto& value) {
    check(library_.set_preference(preference.get(), which, &value, sizeof value),
          "cublasLtMatmulPreferenceSetAttribute");
  };
  prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, uint64_t{kWorkspaceBytes});
  // Parts of a sum are added up in the workspace, in their order.
  prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, uint32_t{CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE});
  for (const auto operand :
       {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
    prefer(operand, kAlignment);
  cublasLtMatmulHeuristicResult_t found{};
  int count = 0;
  const cublasStatus_t status =
      library_.find_algorithms(handle_.get(), operation, plan.right.get(), plan.left.get(), plan.result.get(),
                               plan.result.get(), preference.get(), 1, &found, &count);
  if (status != CUBLAS_STATUS_SUCCESS || count == 0 || found.state != CUBLAS_STATUS_SUCCESS)
    fail("cuBLASLt has no algorithm for a product of {} rows, {} columns and {} terms: {}", rows, cols, inner,
         library_.status_string(status));
  plan.algorithm = found.algo;
  return plan;
}

template <class T>
DeviceSpan<std::byte> CublasProducts<T>::workspace_of(Stream& stream) {
  DeviceBuffer<std::byte>& workspace = workspaces_[stream.handle()];
  if (workspace.size() == 0) workspace = DeviceBuffer<std::byte>(kWorkspaceBytes);
  return workspace.span();
}

template <class T>
void CublasProducts<T>::multiply(const Shape& shape, const void* left, const void* right, float beta,
                                 void* result, Stream& stream) {
  auto place = plans_.find(shape);
  if (place == plans_.end()) place = plans_.emplace(shape, plan_for(shape)).first;
  const Plan& plan = place->second;
  const DeviceSpan<std::byte> workspace = workspace_of(stream);
  const float alpha = 1;
  check(library_.multiply(handle_.get(), plan.operation.get(), &alpha, right, plan.right.get(), left,
                          plan.left.get(), &beta, result, plan.result.get(), result, plan.result.get(),
                          &plan.algorithm, workspace.address, static_cast<size_t>(workspace.size),
                          stream.handle()),
        "cublasLtMatmul");
}

}  // namespace

template <class T>
std::unique_ptr<DeviceProducts<T>> make_cublas_products(const CublasLibrary& library, bool tf32) {
  return std::make_unique<CublasProducts<T>>(library, tf32);
}
template std::unique_ptr<DeviceProducts<float>> make_cublas_products(const CublasLibrary&, bool);
template std::unique_ptr<DeviceProducts<BFloat16>> make_cublas_products(const CublasLibrary&, bool);

}  // namespace partialfc
