// The three products on a device: plain ones, and those that the layer takes; on a GPU those of cuBLASLt.
#include "partialfc/kernels/device_products_fixture.h"

namespace partialfc {
namespace {

template <class T>
class DeviceProductsTest : public DeviceProductsFixture<T> {};
using Types = testing::Types<float, BFloat16>;
TYPED_TEST_SUITE(DeviceProductsTest, Types);

TYPED_TEST(DeviceProductsTest, OfTheLayer) { this->compare_all(*make_device_products<TypeParam>(false)); }
TYPED_TEST(DeviceProductsTest, Plain) { this->compare_all(*make_plain_products<TypeParam>()); }

}  // namespace
}  // namespace partialfc
