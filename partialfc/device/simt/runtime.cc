// partialfc/device/runtime.h over simulated devices.
#include "partialfc/device/runtime.h"

#include <cstdlib>
#include <cstring>

#include "partialfc/base/error.h"
#include "partialfc/device/simt/machine.h"

namespace partialfc::runtime {
namespace {

using simt::Device;
using simt::Machine;
using simt::Mark;
using Turn = std::unique_lock<std::mutex>;

thread_local int used_ordinal = 0;

Machine& machine() { return Machine::get(); }

// Throws unless `bytes` from `address` on lie in one piece of device memory, or on the host. Returns the device or null.
Device* check_place(const char* call, const void* address, int64_t bytes) {
  Device* const device = machine().device_of(address);
  if (device == nullptr) return nullptr;
  const auto place = device->memory.find(address);
  if (bytes > place.size - place.offset)
    fail_usage("{}: {} bytes at byte {} of {} on simulated device {}", call, bytes, place.offset, place.size,
               device->ordinal);
  return device;
}

}  // namespace

int device_count() {
  const Turn turn(machine().turn);
  return static_cast<int>(machine().devices.size());
}

DeviceProperties properties(int ordinal) {
  const Turn turn(machine().turn);
  // Few multiprocessors: kernels whose grid follows their number loop, even over small tests.
  return {.name = fmt::format("simulated device {}", ordinal),
          .major = 9,
          .multiprocessors = 4,
          .memory_bytes = machine().device(ordinal).memory.bytes(),
          .cache_bytes = 1 << 20,
          .driver_version = 13000};
}

int64_t free_memory(int ordinal) {
  const Turn turn(machine().turn);
  return machine().device(ordinal).memory.free_bytes();
}

void use_device(int ordinal) {
  const Turn turn(machine().turn);
  used_ordinal = machine().device(ordinal).ordinal;
}

void* allocate(int64_t bytes) {
  PFC_CHECK(bytes > 0, "{}", bytes);
  const Turn turn(machine().turn);
  Device& device = machine().device(used_ordinal);
  ++machine().counts.allocations;
  void* const memory = device.memory.allocate(bytes);
  if (memory == nullptr)
    fail("no {} bytes on simulated device {}: {} of {} bytes are free", bytes, device.ordinal,
         device.memory.free_bytes(), device.memory.bytes());
  return memory;
}

void release(void* memory) noexcept {
  if (memory == nullptr) return;
  Turn turn(machine().turn);
  Device* const device = machine().device_of(memory);
  PFC_CHECK(device != nullptr, "{} is not on a device", memory);
  machine().finish(turn, *device);  // as CUDA does
  device->memory.release(memory);
}

void* allocate_pinned(int64_t bytes) {
  PFC_CHECK(bytes > 0, "{}", bytes);
  const Turn turn(machine().turn);
  ++machine().counts.allocations;
  void* const memory = std::malloc(static_cast<size_t>(bytes));
  if (memory == nullptr) fail("no {} bytes of host memory", bytes);
  return std::memset(memory, 0xff, static_cast<size_t>(bytes));
}

void release_pinned(void* memory) noexcept {
  if (memory == nullptr) return;
  Turn turn(machine().turn);
  if (used_ordinal < std::ssize(machine().devices)) machine().finish(turn, machine().device(used_ordinal));
  std::free(memory);
}

StreamHandle create_stream(Priority) {
  const Turn turn(machine().turn);
  Device& device = machine().device(used_ordinal);
  return device.streams.emplace_back(new CUstream_st{device});
}

void destroy_stream(StreamHandle stream) noexcept {
  if (stream == nullptr) return;
  Turn turn(machine().turn);
  machine().finish(turn, *stream);
  std::erase(stream->device.streams, stream);
  delete stream;
}

void synchronize(StreamHandle stream) {
  Turn turn(machine().turn);
  ++machine().counts.waits;
  machine().work_until(turn, *stream, [&] { return stream->queue.empty(); });
}

bool is_idle(StreamHandle stream) {
  const Turn turn(machine().turn);
  machine().work_once(*stream);
  return stream->queue.empty();
}

EventHandle create_event() { return new CUevent_st; }

void destroy_event(EventHandle event) noexcept { delete event; }

void record(EventHandle event, StreamHandle stream) {
  const Turn turn(machine().turn);
  event->mark = std::make_shared<Mark>(Mark{stream});
  machine().push(*stream, {.name = "event", .mark = event->mark});
}

void wait(StreamHandle stream, EventHandle event) {
  const Turn turn(machine().turn);
  if (event->mark != nullptr) machine().push(*stream, {.name = "wait", .awaited = event->mark});
}

void synchronize(EventHandle event) {
  Turn turn(machine().turn);
  ++machine().counts.waits;
  const auto mark = event->mark;
  if (mark != nullptr && !mark->done) machine().work_until(turn, *mark->stream, [&] { return mark->done; });
}

bool is_done(EventHandle event) {
  const Turn turn(machine().turn);
  const auto mark = event->mark;
  if (mark != nullptr && !mark->done) machine().work_once(*mark->stream);
  return mark == nullptr || mark->done;
}

double seconds_between(EventHandle first, EventHandle second) {
  const Turn turn(machine().turn);
  for (const EventHandle event : {first, second})
    if (event->mark == nullptr || !event->mark->done)
      fail_usage("seconds between events of which one is not done");
  return std::chrono::duration<double>(second->mark->when - first->mark->when).count();
}

void copy(void* to, const void* from, int64_t bytes, StreamHandle stream) {
  copy_rows(to, bytes, from, bytes, bytes, 1, stream);
}

void copy_rows(void* to, int64_t to_stride, const void* from, int64_t from_stride, int64_t bytes,
               int64_t rows, StreamHandle stream) {
  PFC_CHECK(bytes >= 0 && rows >= 0 && bytes <= to_stride && bytes <= from_stride,
            "{} rows of {} bytes, {} and {} apart", rows, bytes, to_stride, from_stride);
  if (bytes == 0 || rows == 0) return;
  const Turn turn(machine().turn);
  Device* const target = check_place("copy to", to, (rows - 1) * to_stride + bytes);
  Device* const source = check_place("copy from", from, (rows - 1) * from_stride + bytes);
  machine().push(*stream, {.name = "copy",
                           .run =
                               [=] {
                                 for (int64_t i = 0; i < rows; ++i)
                                   std::memcpy(static_cast<char*>(to) + i * to_stride,
                                               static_cast<const char*>(from) + i * from_stride,
                                               static_cast<size_t>(bytes));
                                 return true;
                               },
                           .other = target == &stream->device || target == nullptr ? source : target});
}

void fill(void* to, uint8_t byte, int64_t bytes, StreamHandle stream) {
  const Turn turn(machine().turn);
  Device* const target = check_place("fill", to, bytes);
  machine().push(*stream,
                 {.name = "fill",
                  .run = [=] { return std::memset(to, byte, static_cast<size_t>(bytes)) != nullptr; },
                  .other = target});
}

void check_launch(const char*) {}  // launch() of the simulator throws by itself

}  // namespace partialfc::runtime
