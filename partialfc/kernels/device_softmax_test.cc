// Terms of the softmax sum: one body over the host's functions and the device's kernels, against float64.
#include "partialfc/kernels/device_softmax.h"

#include <gtest/gtest.h>

#include <limits>

#include "partialfc/device/test_matrix.h"
#include "partialfc/kernels/device_rows.h"

namespace partialfc {
namespace {

constexpr float kNone = -std::numeric_limits<float>::infinity();

const SoftmaxOptions kOptions[] = {
    {}, {.scale = 30}, {.scale = 100}, {.filter_above = 0.25f}, {.filter_above = -1.5f}};

// A tile of classes, from the middle of the active ones.
template <class Product>
struct Tile {
  SoftmaxOptions options;
  Matrix<Product> products;          // (T, N)
  std::vector<float> inverse_norms;  // (T)
  std::vector<int32_t> class_of;     // (N)
  int64_t first_class = 0;
  std::vector<float> shifts;  // (N), or empty
  float shift = 0;

  int64_t classes() const { return products.rows(); }
  int64_t samples() const { return products.cols(); }
  int64_t chunks() const { return (classes() + kClassesOfChunk - 1) / kClassesOfChunk; }
  float shift_of(int64_t n) const { return shifts.empty() ? shift : shifts[n]; }
};

// Cosines a little past ±1 at times, as rounding makes them; some classes are none, some samples have their own class here,
// some in another tile, some none.
template <class Product>
Tile<Product> random_tile(const SoftmaxOptions& options, int64_t classes, int64_t samples, bool with_shifts) {
  Tile<Product> tile{.options = options, .products = {classes, samples}, .first_class = 70};
  RandomStream random(4, Purpose::kSyntheticData);
  for (int64_t j = 0; j < classes; ++j) {
    tile.inverse_norms.push_back(j % 7 == 5 ? 0.0f : j % 2 == 0 ? 4.0f : 0.5f);
    const float norm = j % 2 == 0 ? 0.25f : 2.0f;
    for (int64_t n = 0; n < samples; ++n)
      tile.products(j, n) = number_as<Product>(norm * static_cast<float>(random.uniform(-1.001, 1.001)));
  }
  for (int64_t n = 0; n < samples; ++n)
    tile.class_of.push_back(n % 3 == 0 ? -1 : static_cast<int32_t>(random.below(classes + 140)));
  tile.class_of[0] = 70;
  tile.class_of[samples - 1] = static_cast<int32_t>(69 + classes);
  tile.shift = std::max(0.0f, options.scale - 64);
  if (with_shifts)
    for (int64_t n = 0; n < samples; ++n)
      tile.shifts.push_back(tile.shift + 0.5f * static_cast<float>(n % 5));
  return tile;
}

template <class Product>
bool is_out(const Tile<Product>& tile, int64_t j, int64_t n) {
  return tile.inverse_norms[j] == 0 || tile.class_of[n] == tile.first_class + j;
}

// The tile's rows of a chunk for the host's functions, which leave out what is infinite.
template <class Product>
Matrix<float> chunk_of(const Tile<Product>& tile, int64_t chunk) {
  const int64_t first = chunk * kClassesOfChunk;
  Matrix<float> products(std::min(kClassesOfChunk, tile.classes() - first), tile.samples());
  for (int64_t j = 0; j < products.rows(); ++j)
    for (int64_t n = 0; n < products.cols(); ++n)
      products(j, n) = is_out(tile, first + j, n) ? std::numeric_limits<float>::infinity()
                                                  : to_float(tile.products(first + j, n));
  return products;
}

struct Sums {
  Matrix<float> values, partial;  // (T, N), (chunks, N)
};

// exp_sums() by functions for host memory.
template <class Function, class Product>
Sums sums_on_host(Function exp_sum_columns, const Tile<Product>& tile) {
  Sums sums{{tile.classes(), tile.samples()}, {tile.chunks(), tile.samples()}};
  std::vector<float> shifts;
  for (int64_t n = 0; n < tile.samples(); ++n) shifts.push_back(tile.shift_of(n));
  for (int64_t chunk = 0; chunk < tile.chunks(); ++chunk) {
    Matrix<float> products = chunk_of(tile, chunk);
    std::vector<float> factors(products.rows());  // a factor of 0 and an infinite product have no cosine
    for (int64_t j = 0; j < products.rows(); ++j) {
      const float norm = tile.inverse_norms[chunk * kClassesOfChunk + j];
      factors[j] = norm == 0 ? 1 : norm;
    }
    exp_sum_columns(tile.options, factors, shifts, products.view(),
                    std::span(sums.partial[chunk], static_cast<size_t>(tile.samples())));
    std::copy_n(products.data(), products.size(), sums.values[chunk * kClassesOfChunk]);
  }
  return sums;
}

template <class Function, class Product>
Matrix<float> maxima_on_host(Function max_logit_columns, const Tile<Product>& tile) {
  Matrix<float> maxima(tile.chunks(), tile.samples());
  maxima.fill(kNone);
  for (int64_t chunk = 0; chunk < tile.chunks(); ++chunk) {
    const Matrix<float> products = chunk_of(tile, chunk);
    std::vector<float> factors(products.rows());
    for (int64_t j = 0; j < products.rows(); ++j) {
      const float norm = tile.inverse_norms[chunk * kClassesOfChunk + j];
      factors[j] = norm == 0 ? 1 : norm;
    }
    max_logit_columns(tile.options, factors, products.view(),
                      std::span(maxima[chunk], static_cast<size_t>(tile.samples())));
  }
  return maxima;
}

struct Host {
  template <class Value, class Product>
  static Sums sums(const Tile<Product>& tile) {
    return sums_on_host(&exp_sum_columns, tile);
  }
  template <class Product>
  static Matrix<float> maxima(const Tile<Product>& tile) {
    return maxima_on_host(&max_logit_columns, tile);
  }
};

struct Device {
  // A tile's vectors on the device.
  template <class Product>
  struct Copies {
    explicit Copies(const Tile<Product>& tile)
        : products(tile.products, padded_for_device(tile.samples()) + 8),
          norms(tile.inverse_norms),
          shifts(tile.shifts),
          class_of(tile.class_of),
          tile{.inverse_norms = norms.span(),
               .class_of = class_of.span(),
               .first_class = tile.first_class,
               .shifts = shifts.span(),
               .shift = tile.shift} {}
    TestMatrix<Product> products;
    TestMatrix<float> norms, shifts;
    TestMatrix<int32_t> class_of;
    DeviceTile tile;
  };

  template <class Value, class Product>
  static Sums sums(const Tile<Product>& tile) {
    const Copies<Product> copies(tile);
    const int64_t padded = padded_for_device(tile.samples());
    const TestMatrix<Value> values(tile.classes(), tile.samples(), padded + 16);
    const TestMatrix<float> partial(tile.chunks(), tile.samples(), tile.samples() + 3, 1);
    Stream stream;
    exp_sums<Product, Value>(tile.options, copies.tile, copies.products.view(), values.view(), partial.view(),
                             stream);
    stream.synchronize();
    const Matrix<Value> all = values.read(padded);
    Sums sums{{tile.classes(), tile.samples()}, partial.read()};
    for (int64_t j = 0; j < tile.classes(); ++j)
      for (int64_t n = 0; n < tile.samples(); ++n) sums.values(j, n) = to_float(all(j, n));
    if constexpr (std::is_same_v<Product, Value>) {  // where the products were
      exp_sums<Product, Value>(tile.options, copies.tile, copies.products.view(), copies.products.view(),
                               partial.view(), stream);
      stream.synchronize();
      const Matrix<Value> in_place = copies.products.read(padded);
      for (int64_t j = 0; j < tile.classes(); ++j)
        for (int64_t n = 0; n < tile.samples(); ++n) EXPECT_EQ(to_float(in_place(j, n)), sums.values(j, n));
    }
    return sums;
  }

  template <class Product>
  static Matrix<float> maxima(const Tile<Product>& tile) {
    const Copies<Product> copies(tile);
    const TestMatrix<float> partial(tile.chunks(), tile.samples(), tile.samples() + 3, 1);
    Stream stream;
    largest_logits<Product>(tile.options, copies.tile, copies.products.view(), partial.view(), stream);
    stream.synchronize();
    return partial.read();
  }
};

template <class Where, class P, class V>
struct On {
  using Place = Where;
  using Product = P;
  using Value = V;
};

template <class Case>
class DeviceSoftmax : public DeviceTest {};
using Cases = testing::Types<On<Host, float, float>, On<Device, float, float>, On<Device, BFloat16, BFloat16>,
                             On<Device, float, BFloat16>>;
TYPED_TEST_SUITE(DeviceSoftmax, Cases);

constexpr int64_t kClasses[] = {1, 63, 64, 65, 130}, kSamples[] = {1, 8, 250, 256, 259};

// exp's argument is rounded to float32: a relative error of |s · c| · 2^-24, and a few units of exp's own.
double relative_error(const SoftmaxOptions& options) { return (2 * options.scale + 8) * 6e-8; }

TYPED_TEST(DeviceSoftmax, ExpSumsAreTheReferences) {
  using Value = typename TypeParam::Value;
  const double rounding = std::is_same_v<Value, float> ? 0 : 0x1.0p-8;
  for (const SoftmaxOptions& options : kOptions)
    for (const int64_t classes : kClasses)
      for (const int64_t samples : kSamples) {
        const auto tile =
            random_tile<typename TypeParam::Product>(options, classes, samples, samples % 2 == 1);
        const Sums got = TypeParam::Place::template sums<Value>(tile),
                   expected = sums_on_host(&reference::exp_sum_columns, tile);
        const double relative = relative_error(options);
        for (int64_t chunk = 0; chunk < tile.chunks(); ++chunk)
          for (int64_t n = 0; n < samples; ++n)
            ASSERT_NEAR(got.partial(chunk, n), expected.partial(chunk, n),
                        2 * relative * expected.partial(chunk, n) + 1e-38)
                << classes << " classes, " << samples << " samples: chunk " << chunk << ", sample " << n;
        for (int64_t j = 0; j < classes; ++j)
          for (int64_t n = 0; n < samples; ++n)
            ASSERT_NEAR(got.values(j, n), is_out(tile, j, n) ? 0 : expected.values(j, n),
                        (relative + rounding) * std::abs(expected.values(j, n)) + 1e-38)
                << classes << " classes, " << samples << " samples: class " << j << ", sample " << n;
      }
}

TYPED_TEST(DeviceSoftmax, MaximaAreTheReferences) {
  for (const SoftmaxOptions& options : kOptions)
    for (const int64_t classes : kClasses)
      for (const int64_t samples : kSamples) {
        const auto tile = random_tile<typename TypeParam::Product>(options, classes, samples, false);
        const Matrix<float> got = TypeParam::Place::maxima(tile),
                            expected = maxima_on_host(&reference::max_logit_columns, tile);
        for (int64_t i = 0; i < got.size(); ++i) {
          if (std::isinf(expected.data()[i]))
            ASSERT_EQ(got.data()[i], expected.data()[i]);
          else
            ASSERT_NEAR(got.data()[i], expected.data()[i], 1e-6 * options.scale)
                << classes << " classes, " << samples << " samples";
        }
      }
}

TEST_F(DeviceTest, LargestOfColumns) {
  for (const int64_t samples : {1, 127, 128, 129}) {
    Matrix<float> partial = random_matrix<float>(5, samples, 3);
    for (int64_t chunk = 0; chunk < 5; ++chunk) partial(chunk, samples / 2) = kNone;
    const TestMatrix<float> device_partial(partial, samples + 1, 1), maxima(1, samples);
    Stream stream;
    largest_of_columns(device_partial.view(), maxima.span(), stream);
    stream.synchronize();
    for (int64_t n = 0; n < samples; ++n) {
      float largest = kNone;
      for (int64_t chunk = 0; chunk < 5; ++chunk) largest = std::max(largest, partial(chunk, n));
      EXPECT_EQ(maxima.values()[n], largest);
    }
  }
}

}  // namespace
}  // namespace partialfc
