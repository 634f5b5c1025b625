#include "measure/device_floor.h"

#include <algorithm>

#include "partialfc/device/buffer.h"
#include "partialfc/kernels/device_products.h"
#include "partialfc/kernels/device_rows.h"

namespace partialfc {

namespace {

template <class T>
class DeviceFloor final : public ProductFloor {
 public:
  explicit DeviceFloor(const ProductFloorOptions& options)
      : n_(padded_for_device(options.batch)),
        s_(options.samples),
        d_(padded_for_device(options.dim)),
        stream_(((void)runtime::use_device(options.device.ordinal), runtime::Priority::kNormal)),
        products_(make_device_products<T>(options.tf32)) {
    // Zeros are multiplied in less time than numbers are: the clock stays higher.
    for (auto* operand : {&x_, &w_, &e_}) {
      *operand = DeviceBuffer<T>(operand == &x_ ? n_ * d_ : operand == &w_ ? s_ * d_ : s_ * n_);
      fill(*operand);
    }
    logits_ = DeviceBuffer<T>(s_ * n_);
    u_ = DeviceBuffer<float>(n_ * d_);
    gradient_ = DeviceBuffer<float>(s_ * d_);
    measure();  // finds the algorithms
  }

  std::array<double, kProducts> measure() override {
    const DeviceMatrix<const T> x = x_.matrix(n_, d_), w = w_.matrix(s_, d_), e = e_.matrix(s_, n_);
    begins_[0].record(stream_);
    products_->logits(w, x, logits_.matrix(s_, n_), stream_);
    begins_[1].record(stream_);
    products_->u(false, e, w, u_.matrix(n_, d_), stream_);
    begins_[2].record(stream_);
    products_->gradients(e, x, gradient_.matrix(s_, d_), stream_);
    begins_[3].record(stream_);
    stream_.synchronize();
    std::array<double, kProducts> seconds;
    for (int product = 0; product < kProducts; ++product)
      seconds[product] = runtime::seconds_between(begins_[product].handle(), begins_[product + 1].handle());
    return seconds;
  }

  const std::string& way(int) const override { return way_; }

 private:
  // Values like those of normalized rows, repeated from a piece that the host makes.
  void fill(DeviceBuffer<T>& buffer) {
    const int64_t size = std::min<int64_t>(buffer.size(), 1 << 20);
    PinnedBuffer<T> values(size);
    for (int64_t i = 0; i < size; ++i) {
      const float value = 0.001f * static_cast<float>(1 + i % 251) * (i % 2 == 0 ? 1.0f : -1.0f);
      if constexpr (std::is_same_v<T, float>)
        values[i] = value;
      else
        values[i] = to_bfloat16(value);
    }
    for (int64_t first = 0; first < buffer.size(); first += size) {
      const int64_t count = std::min(size, buffer.size() - first);
      copy<T>(values.span().first(count), buffer.span().part(first, count), stream_);
    }
    stream_.synchronize();
  }

  const int64_t n_, s_, d_;
  Stream stream_;
  const std::unique_ptr<DeviceProducts<T>> products_;
  DeviceBuffer<T> x_, w_, e_, logits_;
  DeviceBuffer<float> u_, gradient_;
  std::array<Event, kProducts + 1> begins_;
  const std::string way_ = "cuBLASLt";
};

}  // namespace

std::unique_ptr<ProductFloor> make_device_floor(const ProductFloorOptions& options) {
  if (options.precision == Precision::kFloat32) return std::make_unique<DeviceFloor<float>>(options);
  return std::make_unique<DeviceFloor<BFloat16>>(options);
}

}  // namespace partialfc
