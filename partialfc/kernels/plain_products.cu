#include <type_traits>

#include "partialfc/device/block.h"
#include "partialfc/kernels/device_products.h"
#if defined(__CUDACC__)
#include "partialfc/kernels/cublas_products.h"
#endif

namespace partialfc {

namespace {

constexpr int kThreads = 256;

template <class T>
__device__ void put(float sum, T* place) {
  if constexpr (std::is_same_v<T, float>)
    *place = sum;
  else
    *place = to_bfloat16(sum);
}

// c (rows, cols) ← Σ_k a(i, k) b(k, j), each operand by its strides.
template <class T, class C>
__global__ void multiply(bool accumulate, const T* a, int64_t a_row, int64_t a_k, const T* b, int64_t b_k,
                         int64_t b_col, C* c, int64_t c_row, int64_t rows, int64_t cols, int64_t inner) {
  const int64_t place = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (place >= rows * cols) return;
  const int64_t i = place / cols, j = place % cols;
  float sum = accumulate ? to_float(c[i * c_row + j]) : 0;
  for (int64_t k = 0; k < inner; ++k)
    sum += to_float(a[i * a_row + k * a_k]) * to_float(b[k * b_k + j * b_col]);
  put(sum, c + i * c_row + j);
}

template <class T, class C>
void launch_multiply(bool accumulate, const T* a, int64_t a_row, int64_t a_k, const T* b, int64_t b_k,
                     int64_t b_col, DeviceMatrix<C> c, int64_t inner, Stream& stream) {
  launch("plain_product", multiply<T, C>, static_cast<unsigned>((c.rows * c.cols + kThreads - 1) / kThreads),
         kThreads, 0, stream, accumulate, a, a_row, a_k, b, b_k, b_col, c.address, c.stride, c.rows, c.cols,
         inner);
}

template <class T>
class PlainProducts final : public DeviceProducts<T> {
 public:
  void logits(DeviceMatrix<const T> centers, DeviceMatrix<const T> features, DeviceMatrix<T> products,
              Stream& stream) override {
    PFC_CHECK(products.rows == centers.rows && products.cols == features.rows &&
              centers.cols == features.cols);
    launch_multiply(false, centers.address, centers.stride, int64_t{1}, features.address, int64_t{1},
                    features.stride, products, centers.cols, stream);
  }
  void u(bool accumulate, DeviceMatrix<const T> values, DeviceMatrix<const T> centers, DeviceMatrix<float> u,
         Stream& stream) override {
    PFC_CHECK(values.rows == centers.rows && u.rows == values.cols && u.cols == centers.cols);
    launch_multiply(accumulate, values.address, int64_t{1}, values.stride, centers.address, centers.stride,
                    int64_t{1}, u, values.rows, stream);
  }
  void gradients(DeviceMatrix<const T> values, DeviceMatrix<const T> weighted, DeviceMatrix<float> gradients,
                 Stream& stream) override {
    PFC_CHECK(gradients.rows == values.rows && values.cols == weighted.rows &&
              gradients.cols == weighted.cols);
    launch_multiply(false, values.address, values.stride, int64_t{1}, weighted.address, weighted.stride,
                    int64_t{1}, gradients, values.cols, stream);
  }
};

}  // namespace

template <class T>
std::unique_ptr<DeviceProducts<T>> make_plain_products() {
  return std::make_unique<PlainProducts<T>>();
}
template std::unique_ptr<DeviceProducts<float>> make_plain_products();
template std::unique_ptr<DeviceProducts<BFloat16>> make_plain_products();

template <class T>
std::unique_ptr<DeviceProducts<T>> make_device_products([[maybe_unused]] bool tf32) {
#if defined(__CUDACC__)
  return make_cublas_products<T>(cublas_library(), tf32);
#else
  return make_plain_products<T>();
#endif
}
template std::unique_ptr<DeviceProducts<float>> make_device_products(bool);
template std::unique_ptr<DeviceProducts<BFloat16>> make_device_products(bool);

}  // namespace partialfc
