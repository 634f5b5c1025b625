// What the simulator tells the sanitizers that a build has; nothing in other builds.
//
// The scheduler's own files are compiled without ThreadSanitizer (what they read and write is no race of a kernel), so
// PARTIALFC_THREAD_SANITIZER comes from the build: the compiler's macro is not set there.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#if defined(PARTIALFC_THREAD_SANITIZER)
extern "C" {
void* __tsan_get_current_fiber();
void* __tsan_create_fiber(unsigned flags);
void __tsan_switch_to_fiber(void* fiber, unsigned flags);
void __tsan_acquire(void* address);
void __tsan_release(void* address);
void __tsan_java_init(unsigned long begin, unsigned long bytes);
void __tsan_java_alloc(unsigned long begin, unsigned long bytes);
void __tsan_java_free(unsigned long begin, unsigned long bytes);
}
#endif

namespace partialfc::simt {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kAddressSanitizer = true;
inline void poison(const void* begin, size_t bytes) { __asan_poison_memory_region(begin, bytes); }
inline void unpoison(const void* begin, size_t bytes) { __asan_unpoison_memory_region(begin, bytes); }
#else
constexpr bool kAddressSanitizer = false;
inline void poison(const void*, size_t) {}
inline void unpoison(const void*, size_t) {}
#endif

// A thread of a kernel, for ThreadSanitizer: its `strand`. Going from one to another orders nothing; what is released
// at an address comes before what has acquired it there since.
#if defined(PARTIALFC_THREAD_SANITIZER)
constexpr bool kThreadSanitizer = true;
inline void* current_strand() { return __tsan_get_current_fiber(); }
inline void* create_strand() { return __tsan_create_fiber(0); }
inline void switch_strand(void* strand) { __tsan_switch_to_fiber(strand, 1); }
inline void acquire(void* address) { __tsan_acquire(address); }
inline void release(void* address) { __tsan_release(address); }
// What was read and written there before has been by others, as far as races go: the memory is given out anew. (It is
// the interface for virtual machines that has this, and wants to be told of a heap: here, all addresses.)
inline void forget(void* begin, size_t bytes) {
  constexpr unsigned long kLowest = 8, kAll = 0x7ffffffffff0;
  static const bool initialised = (__tsan_java_init(kLowest, kAll), true);
  const auto first = reinterpret_cast<unsigned long>(begin) & ~7ul;
  const auto count = (reinterpret_cast<unsigned long>(begin) + bytes + 7 & ~7ul) - first;
  if (!initialised || count == 0) return;
  __tsan_java_free(first, count);
  __tsan_java_alloc(first, count);
}
#else
constexpr bool kThreadSanitizer = false;
inline void* current_strand() { return nullptr; }
inline void* create_strand() { return nullptr; }
inline void switch_strand(void*) {}
inline void acquire(void*) {}
inline void release(void*) {}
inline void forget(void*, size_t) {}
#endif

}  // namespace partialfc::simt
