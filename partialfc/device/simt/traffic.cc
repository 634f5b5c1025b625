#include "partialfc/device/simt/traffic.h"

#include "partialfc/base/error.h"
#include "partialfc/device/simt/kernel.h"
#include "partialfc/device/simt/memory.h"

namespace partialfc::simt {

struct TrafficHooks {
  static inline Traffic* traffic = nullptr;
  static inline Traffic::Counts* counts = nullptr;  // of the kernel that runs
  static inline const Memory* memory = nullptr;     // of its device

  static void observe(const std::string* kernel, const Memory* of_device) {
    memory = of_device;
    counts = kernel != nullptr ? &traffic->counts_[*kernel] : nullptr;
    if (counts != nullptr) ++counts->launches;
  }
  static bool counted(const volatile void* address) {
    return counts != nullptr && memory->in_arena(const_cast<const void*>(address));
  }
  static void load(const volatile void* address, size_t bytes) {
    if (counted(address)) counts->loaded_bytes += static_cast<int64_t>(bytes);
  }
  static void store(const volatile void* address, size_t bytes) {
    if (counted(address)) counts->stored_bytes += static_cast<int64_t>(bytes);
  }
};

Traffic::Traffic() {
  PFC_CHECK(TrafficHooks::traffic == nullptr);
  TrafficHooks::traffic = this;
  kernel_observer = TrafficHooks::observe;
}

Traffic::~Traffic() {
  kernel_observer = nullptr;
  TrafficHooks::traffic = nullptr;
}

Traffic::Counts Traffic::of(const std::string& kernel) const {
  const auto found = counts_.find(kernel);
  return found != counts_.end() ? found->second : Counts{};
}

}  // namespace partialfc::simt

// What instrumented code calls.
using Hooks = partialfc::simt::TrafficHooks;

extern "C" {

void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_read(void**) {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_read_range(void* p, size_t bytes) { Hooks::load(p, bytes); }
void __tsan_write_range(void* p, size_t bytes) { Hooks::store(p, bytes); }

#define PFC_ACCESS(bytes)                                               \
  void __tsan_read##bytes(void* p) { Hooks::load(p, bytes); }           \
  void __tsan_write##bytes(void* p) { Hooks::store(p, bytes); }         \
  void __tsan_unaligned_read##bytes(void* p) { Hooks::load(p, bytes); } \
  void __tsan_unaligned_write##bytes(void* p) { Hooks::store(p, bytes); }
PFC_ACCESS(1)
PFC_ACCESS(2)
PFC_ACCESS(4)
PFC_ACCESS(8)
PFC_ACCESS(16)

// Atomics that change something. A load does not count: in kernels it is the one ahead of a compare-exchange (atomics.h).
#define PFC_CHANGE(bits, name)                                                                         \
  uint##bits##_t __tsan_atomic##bits##_##name(volatile uint##bits##_t* p, uint##bits##_t value, int) { \
    Hooks::load(p, bits / 8), Hooks::store(p, bits / 8);                                               \
    return __atomic_##name(p, value, __ATOMIC_SEQ_CST);                                                \
  }
#define PFC_COMPARE(bits, name)                                                                            \
  bool __tsan_atomic##bits##_compare_exchange_##name(volatile uint##bits##_t* p, uint##bits##_t* expected, \
                                                     uint##bits##_t value, int, int) {                     \
    Hooks::load(p, bits / 8), Hooks::store(p, bits / 8);                                                   \
    return __atomic_compare_exchange_n(p, expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);     \
  }
#define __atomic_exchange __atomic_exchange_n
#define PFC_ATOMICS(bits)                                                                   \
  uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t* p, int) {        \
    return __atomic_load_n(p, __ATOMIC_SEQ_CST);                                            \
  }                                                                                         \
  void __tsan_atomic##bits##_store(volatile uint##bits##_t* p, uint##bits##_t value, int) { \
    Hooks::store(p, bits / 8);                                                              \
    __atomic_store_n(p, value, __ATOMIC_SEQ_CST);                                           \
  }                                                                                         \
  PFC_CHANGE(bits, exchange)                                                                \
  PFC_CHANGE(bits, fetch_add)                                                               \
  PFC_CHANGE(bits, fetch_sub)                                                               \
  PFC_CHANGE(bits, fetch_and)                                                               \
  PFC_CHANGE(bits, fetch_or)                                                                \
  PFC_CHANGE(bits, fetch_xor)                                                               \
  PFC_COMPARE(bits, strong)                                                                 \
  PFC_COMPARE(bits, weak)
PFC_ATOMICS(8)
PFC_ATOMICS(16)
PFC_ATOMICS(32)
PFC_ATOMICS(64)

}  // extern "C"
