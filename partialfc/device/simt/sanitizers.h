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

// A thread of a kernel, for ThreadSanitizer: its `strand`. Going from one to another orders nothing; what is released at an
// address comes before what has acquired it there since.
#if defined(PARTIALFC_THREAD_SANITIZER)
constexpr bool kThreadSanitizer = true;
inline void* current_strand() { return __tsan_get_current_fiber(); }
inline void* create_strand() { return __tsan_create_fiber(0); }
inline void switch_strand(void* strand) { __tsan_switch_to_fiber(strand, 1); }
inline void acquire(void* address) { __tsan_acquire(address); }
inline void release(void* address) { __tsan_release(address); }
#else
constexpr bool kThreadSanitizer = false;
inline void* current_strand() { return nullptr; }
inline void* create_strand() { return nullptr; }
inline void switch_strand(void*) {}
inline void acquire(void*) {}
inline void release(void*) {}
#endif

}  // namespace partialfc::simt
