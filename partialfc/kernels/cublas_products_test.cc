// What cuBLASLt is told, by way of a library that does what it is told on the simulator.
#include "partialfc/kernels/cublas_products.h"

#include <set>

#include "partialfc/device/test_device.h"
#include "partialfc/kernels/device_products_fixture.h"
#include "partialfc/kernels/fake_cublas.h"

namespace partialfc {
namespace {

template <class T>
class CublasProductsTest : public DeviceProductsFixture<T> {
 protected:
  ~CublasProductsTest() override { EXPECT_EQ(fake_cublas().alive, 0); }
};
using Types = testing::Types<float, BFloat16>;
TYPED_TEST_SUITE(CublasProductsTest, Types);

TYPED_TEST(CublasProductsTest, EqualsFloat64) {
  this->compare_all(*make_cublas_products<TypeParam>(fake_cublas_library(), false));
}

TYPED_TEST(CublasProductsTest, LooksForAnAlgorithmOnceAShape) {
  const auto products = make_cublas_products<TypeParam>(fake_cublas_library(), false);
  const int before = fake_cublas().searches;
  this->compare(*products, 8, 8, 8);
  EXPECT_EQ(fake_cublas().searches - before, 3);
  this->compare(*products, 8, 8, 8);
  EXPECT_EQ(fake_cublas().searches - before, 3);
  this->compare(*products, 8, 16, 8);
  EXPECT_EQ(fake_cublas().searches - before, 6);
  EXPECT_EQ(fake_cublas().reduction_schemes, CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE);
}

TYPED_TEST(CublasProductsTest, EachStreamHasItsWorkspace) {
  const auto products = make_cublas_products<TypeParam>(fake_cublas_library(), false);
  const DeviceBuffer<TypeParam> zeros(64);
  const DeviceBuffer<float> result(64);
  Stream streams[2];
  fake_cublas().workspaces.clear();
  for (int round = 0; round < 2; ++round)
    for (Stream& stream : streams) {
      clear(zeros.span(), stream);
      const DeviceMatrix<const TypeParam> operand(zeros.span().address, 8, 8);
      products->gradients(operand, operand, result.matrix(8, 8), stream);
      stream.synchronize();
    }
  const auto& used = fake_cublas().workspaces;
  ASSERT_EQ(used.size(), 4u);
  EXPECT_EQ(used[0], used[2]);
  EXPECT_EQ(used[1], used[3]);
  EXPECT_NE(used[0], used[1]);
}

TEST(CublasProducts, Tf32IsForFloatsAlone) {
  const DeviceBuffer<float> floats(64), result(64);
  const DeviceBuffer<BFloat16> bf16(64);
  Stream stream;
  clear(floats.span(), stream);
  clear(bf16.span(), stream);
  const DeviceMatrix<const float> f(floats.span().address, 8, 8);
  const DeviceMatrix<const BFloat16> b(bf16.span().address, 8, 8);
  for (const bool tf32 : {false, true}) {
    make_cublas_products<float>(fake_cublas_library(), tf32)->gradients(f, f, result.matrix(8, 8), stream);
    EXPECT_EQ(fake_cublas().compute_type, tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F);
    make_cublas_products<BFloat16>(fake_cublas_library(), tf32)->gradients(b, b, result.matrix(8, 8), stream);
    EXPECT_EQ(fake_cublas().compute_type, CUBLAS_COMPUTE_32F);
  }
  stream.synchronize();
}

TEST(CublasProducts, NoAlgorithmNamesTheProduct) {
  fake_cublas().has_algorithms = false;
  const DeviceBuffer<float> floats(8 * 16), result(64);
  Stream stream;
  const DeviceMatrix<const float> values(floats.span().address, 8, 16),
      weighted(floats.span().address, 16, 8);
  try {
    make_cublas_products<float>(fake_cublas_library(), false)
        ->gradients(values, weighted, result.matrix(8, 8), stream);
    ADD_FAILURE() << "nothing thrown";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "cuBLASLt has no algorithm for a product of 8 rows, 8 columns and 16 terms: a status");
  }
  fake_cublas().has_algorithms = true;
}

TEST(CublasProducts, TheLibraryOfTheToolkitHasWhatIsCalled) { EXPECT_NE(cublas_library().multiply, nullptr); }

}  // namespace
}  // namespace partialfc
