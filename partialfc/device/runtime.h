// The calls of a GPU's runtime that the library makes, in words of its own. Internal to device/.
//
// Three implementations, of which a program has one: runtime_cuda.cc; simt/runtime.cc, the simulator of the tests; and
// runtime_none.cc, where neither is: there is no device, and every other call throws UsageError.
//
// What goes wrong is thrown as Error that names the call, the reason and the device; a failed kernel is thrown by a later
// call that waits. Where nothing else is said calls return before the device is done, and work of a stream is done in order.
#pragma once

#include <cstdint>
#include <string>

struct CUstream_st;  // CUDA's own names of what cudaStream_t and cudaEvent_t point to
struct CUevent_st;

namespace partialfc::runtime {

using StreamHandle = CUstream_st*;
using EventHandle = CUevent_st*;

struct DeviceProperties {
  std::string name;          // "NVIDIA H100 80GB HBM3"
  int major = 0, minor = 0;  // compute capability
  int multiprocessors = 0;
  int64_t memory_bytes = 0;  // in all
  int64_t cache_bytes = 0;   // of the level-2 cache
  int driver_version = 0;    // 13000 for 13.0: the CUDA version that the driver knows
};

int device_count();  // 0 where there is no device or no driver
DeviceProperties properties(int ordinal);
int64_t free_memory(int ordinal);
// The device that the calling thread's further calls are for.
void use_device(int ordinal);

// On the device in use, 256-byte aligned. Throws with both sizes where memory is short. bytes > 0.
void* allocate(int64_t bytes);
void release(void* memory) noexcept;  // after what is queued on the device
// Host memory that stays where it is, so that copies run beside computing.
void* allocate_pinned(int64_t bytes);
void release_pinned(void* memory) noexcept;

enum class Priority { kNormal, kHigh };
StreamHandle create_stream(Priority priority);
void destroy_stream(StreamHandle stream) noexcept;  // after what is in it
void synchronize(StreamHandle stream);              // waits
bool is_idle(StreamHandle stream);

EventHandle create_event();
void destroy_event(EventHandle event) noexcept;
void record(EventHandle event, StreamHandle stream);
void wait(StreamHandle stream, EventHandle event);  // the stream's further work comes after the event
void synchronize(EventHandle event);                // the caller waits; an event never recorded is done
bool is_done(EventHandle event);
double seconds_between(EventHandle first, EventHandle second);  // both done

// Between pinned or device memory, either way.
void copy(void* to, const void* from, int64_t bytes, StreamHandle stream);
// `rows` pieces of `bytes`, `to_stride` and `from_stride` bytes apart.
void copy_rows(void* to, int64_t to_stride, const void* from, int64_t from_stride, int64_t bytes,
               int64_t rows, StreamHandle stream);
void fill(void* to, uint8_t byte, int64_t bytes, StreamHandle stream);

// Throws what a kernel launch by this thread has just reported. kernel: its name.
void check_launch(const char* kernel);

}  // namespace partialfc::runtime
