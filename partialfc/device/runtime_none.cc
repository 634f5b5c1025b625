// partialfc/device/runtime.h where there is no device.
#include "partialfc/base/error.h"
#include "partialfc/device/runtime.h"

namespace partialfc::runtime {
namespace {

[[noreturn]] void refuse() { throw UsageError("no GPU can be used: partialfc was built without CUDA"); }

}  // namespace

int device_count() { return 0; }
DeviceProperties properties(int) { refuse(); }
int64_t free_memory(int) { refuse(); }
void use_device(int) { refuse(); }

// What releases gets what allocates never gave: null.
void* allocate(int64_t) { refuse(); }
void release(void*) noexcept {}
void* allocate_pinned(int64_t) { refuse(); }
void release_pinned(void*) noexcept {}

StreamHandle create_stream(Priority) { refuse(); }
void destroy_stream(StreamHandle) noexcept {}
void synchronize(StreamHandle) { refuse(); }
bool is_idle(StreamHandle) { refuse(); }

EventHandle create_event() { refuse(); }
void destroy_event(EventHandle) noexcept {}
void record(EventHandle, StreamHandle) { refuse(); }
void wait(StreamHandle, EventHandle) { refuse(); }
void synchronize(EventHandle) { refuse(); }
bool is_done(EventHandle) { refuse(); }
double seconds_between(EventHandle, EventHandle) { refuse(); }

void copy(void*, const void*, int64_t, StreamHandle) { refuse(); }
void copy_rows(void*, int64_t, const void*, int64_t, int64_t, int64_t, StreamHandle) { refuse(); }
void fill(void*, uint8_t, int64_t, StreamHandle) { refuse(); }

void check_launch(const char*) { refuse(); }

}  // namespace partialfc::runtime
