// CUDA's atomic functions, of the simulator. Real atomics, though kernels run on one thread of the system: that is how
// ThreadSanitizer tells them from a race.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <type_traits>

namespace partialfc::simt {

// The types that CUDA has them for. (uint64_t is not one: on Linux it is unsigned long.)
template <class T>
concept AtomicInteger =
    std::same_as<T, int> || std::same_as<T, unsigned> || std::same_as<T, unsigned long long>;
template <class T>
concept AtomicNumber = AtomicInteger<T> || std::same_as<T, float> || std::same_as<T, double>;

// *p ← change(*p); returns what was there.
template <class T, class Change>
T atomically(T* p, Change&& change) {
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  auto* const bits = reinterpret_cast<Bits*>(p);
  Bits old = __atomic_load_n(bits, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(bits, &old, std::bit_cast<Bits>(change(std::bit_cast<T>(old))), false,
                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return std::bit_cast<T>(old);
}

}  // namespace partialfc::simt

template <partialfc::simt::AtomicNumber T>
T atomicAdd(T* p, std::type_identity_t<T> value) {
  return partialfc::simt::atomically(p, [=](T old) { return static_cast<T>(old + value); });
}
template <partialfc::simt::AtomicInteger T>
T atomicMin(T* p, std::type_identity_t<T> value) {
  return partialfc::simt::atomically(p, [=](T old) { return value < old ? value : old; });
}
template <partialfc::simt::AtomicInteger T>
T atomicMax(T* p, std::type_identity_t<T> value) {
  return partialfc::simt::atomically(p, [=](T old) { return value > old ? value : old; });
}
template <partialfc::simt::AtomicInteger T>
T atomicAnd(T* p, std::type_identity_t<T> value) {
  return partialfc::simt::atomically(p, [=](T old) { return old & value; });
}
template <partialfc::simt::AtomicInteger T>
T atomicOr(T* p, std::type_identity_t<T> value) {
  return partialfc::simt::atomically(p, [=](T old) { return old | value; });
}
template <partialfc::simt::AtomicNumber T>
T atomicExch(T* p, std::type_identity_t<T> value) {
  return partialfc::simt::atomically(p, [=](T) { return value; });
}
template <partialfc::simt::AtomicInteger T>
T atomicCAS(T* p, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
  return partialfc::simt::atomically(p, [=](T old) { return old == expected ? value : old; });
}

inline void __threadfence() {}
inline void __threadfence_block() {}
