// A loop over elements by vectors of the instruction set at hand. Included for each of them, after highway.h.
#if defined(PARTIALFC_KERNELS_FOR_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PARTIALFC_KERNELS_FOR_LANES_INL_H_
#undef PARTIALFC_KERNELS_FOR_LANES_INL_H_
#else
#define PARTIALFC_KERNELS_FOR_LANES_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace partialfc::HWY_NAMESPACE {

// Calls body(offset, d) for whole vectors, then for single elements (d of one lane).
template <class Body>
HWY_INLINE void ForLanes(int64_t n, Body body) {
  const hwy::HWY_NAMESPACE::ScalableTag<float> d;
  const hwy::HWY_NAMESPACE::CappedTag<float, 1> one;
  const int64_t lanes = static_cast<int64_t>(hwy::HWY_NAMESPACE::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) body(i, d);
  for (; i < n; ++i) body(i, one);
}

}  // namespace partialfc::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // PARTIALFC_KERNELS_FOR_LANES_INL_H_
