// partialfc/device/runtime.h over CUDA's runtime.
#include <cuda_runtime_api.h>

#include <array>

#include "partialfc/base/error.h"
#include "partialfc/device/compute_capability.h"
#include "partialfc/device/runtime.h"

namespace partialfc::runtime {
namespace {

// Throws what `call` returned, unless it is success. What went wrong may have been queued earlier: CUDA reports it late.
void check(cudaError_t code, const char* call) {
  if (code == cudaSuccess) return;
  cudaGetLastError();  // else the next launch would report it again
  int ordinal = -1;
  cudaGetDevice(&ordinal);
  fail("{} on GPU {}: {} ({})", call, ordinal, cudaGetErrorString(code), cudaGetErrorName(code));
}

// False for "not yet".
bool is_complete(cudaError_t code, const char* call) {
  if (code == cudaErrorNotReady) {
    cudaGetLastError();
    return false;
  }
  check(code, call);
  return true;
}

int attribute(cudaDeviceAttr which, int ordinal) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, which, ordinal), "cudaDeviceGetAttribute");
  return value;
}

void check_ordinal(int ordinal) {
  const int count = device_count();
  if (count == 0)
    fail_usage("no GPU can be used: this machine has none, or no driver for CUDA {} (nvidia-smi tells)",
               CUDART_VERSION / 1000);
  if (ordinal < 0 || ordinal >= count) fail_usage("there is no GPU {}: there are {}", ordinal, count);
}

// Uses another device for a while.
class Use {
 public:
  explicit Use(int ordinal) {
    check(cudaGetDevice(&before_), "cudaGetDevice");
    use_device(ordinal);
  }
  Use(const Use&) = delete;
  ~Use() { cudaSetDevice(before_); }

 private:
  int before_ = 0;
};

}  // namespace

int device_count() {
  int count = 0;
  const cudaError_t code = cudaGetDeviceCount(&count);
  if (code == cudaErrorNoDevice || code == cudaErrorInsufficientDriver) {
    cudaGetLastError();
    return 0;
  }
  check(code, "cudaGetDeviceCount");
  return count;
}

DeviceProperties properties(int ordinal) {
  check_ordinal(ordinal);
  cudaDeviceProp all;
  check(cudaGetDeviceProperties(&all, ordinal), "cudaGetDeviceProperties");
  DeviceProperties properties{.name = all.name,
                              .major = all.major,
                              .minor = all.minor,
                              .multiprocessors = all.multiProcessorCount,
                              .memory_bytes = static_cast<int64_t>(all.totalGlobalMem),
                              .cache_bytes = attribute(cudaDevAttrL2CacheSize, ordinal)};
  check(cudaDriverGetVersion(&properties.driver_version), "cudaDriverGetVersion");
  return properties;
}

int64_t free_memory(int ordinal) {
  const Use use(ordinal);
  size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  return static_cast<int64_t>(free);
}

void use_device(int ordinal) {
  check_ordinal(ordinal);
  constexpr std::array kCompiled = {PARTIALFC_CUDA_COMPILED};
  const int capability = 10 * attribute(cudaDevAttrComputeCapabilityMajor, ordinal) +
                         attribute(cudaDevAttrComputeCapabilityMinor, ordinal);
  if (!runs_on(capability, kCompiled)) refuse_capability(properties(ordinal), ordinal, kCompiled);
  check(cudaSetDevice(ordinal), "cudaSetDevice");
}

void* allocate(int64_t bytes) {
  PFC_CHECK(bytes > 0, "{}", bytes);
  void* memory = nullptr;
  const cudaError_t code = cudaMalloc(&memory, static_cast<size_t>(bytes));
  if (code == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    size_t free = 0, total = 0;
    int ordinal = -1;
    cudaGetDevice(&ordinal);
    check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
    fail("no {} bytes on GPU {}: {} of {} bytes are free", bytes, ordinal, free, total);
  }
  check(code, "cudaMalloc");
  return memory;
}

void release(void* memory) noexcept { cudaFree(memory); }

void* allocate_pinned(int64_t bytes) {
  PFC_CHECK(bytes > 0, "{}", bytes);
  void* memory = nullptr;
  // Portable: pinned for every device of the process.
  const cudaError_t code = cudaHostAlloc(&memory, static_cast<size_t>(bytes), cudaHostAllocPortable);
  if (code == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    fail("no {} bytes of host memory that stays where it is (cudaHostAlloc)", bytes);
  }
  check(code, "cudaHostAlloc");
  return memory;
}

void release_pinned(void* memory) noexcept { cudaFreeHost(memory); }

StreamHandle create_stream(Priority priority) {
  int lowest = 0, highest = 0;
  check(cudaDeviceGetStreamPriorityRange(&lowest, &highest), "cudaDeviceGetStreamPriorityRange");
  StreamHandle stream = nullptr;
  check(cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking,
                                     priority == Priority::kHigh ? highest : lowest),
        "cudaStreamCreateWithPriority");
  return stream;
}

void destroy_stream(StreamHandle stream) noexcept { cudaStreamDestroy(stream); }

void synchronize(StreamHandle stream) { check(cudaStreamSynchronize(stream), "cudaStreamSynchronize"); }

bool is_idle(StreamHandle stream) { return is_complete(cudaStreamQuery(stream), "cudaStreamQuery"); }

EventHandle create_event() {
  EventHandle event = nullptr;
  check(cudaEventCreate(&event), "cudaEventCreate");
  return event;
}

void destroy_event(EventHandle event) noexcept { cudaEventDestroy(event); }

void record(EventHandle event, StreamHandle stream) {
  check(cudaEventRecord(event, stream), "cudaEventRecord");
}

void wait(StreamHandle stream, EventHandle event) {
  check(cudaStreamWaitEvent(stream, event, 0), "cudaStreamWaitEvent");
}

void synchronize(EventHandle event) { check(cudaEventSynchronize(event), "cudaEventSynchronize"); }

bool is_done(EventHandle event) { return is_complete(cudaEventQuery(event), "cudaEventQuery"); }

double seconds_between(EventHandle first, EventHandle second) {
  float milliseconds = 0;
  check(cudaEventElapsedTime(&milliseconds, first, second), "cudaEventElapsedTime");
  return milliseconds * 1e-3;
}

void copy(void* to, const void* from, int64_t bytes, StreamHandle stream) {
  check(cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), cudaMemcpyDefault, stream), "cudaMemcpyAsync");
}

void copy_rows(void* to, int64_t to_stride, const void* from, int64_t from_stride, int64_t bytes,
               int64_t rows, StreamHandle stream) {
  check(cudaMemcpy2DAsync(to, static_cast<size_t>(to_stride), from, static_cast<size_t>(from_stride),
                          static_cast<size_t>(bytes), static_cast<size_t>(rows), cudaMemcpyDefault, stream),
        "cudaMemcpy2DAsync");
}

void fill(void* to, uint8_t byte, int64_t bytes, StreamHandle stream) {
  check(cudaMemsetAsync(to, byte, static_cast<size_t>(bytes), stream), "cudaMemsetAsync");
}

void check_launch(const char* kernel) {
  const cudaError_t code = cudaGetLastError();
  if (code != cudaSuccess) check(code, fmt::format("launch of {}", kernel).c_str());
}

}  // namespace partialfc::runtime
