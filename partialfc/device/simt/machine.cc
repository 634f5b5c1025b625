#include "partialfc/device/simt/machine.h"

#include <algorithm>
#include <cstdlib>
#include <thread>
#include <utility>

#include "partialfc/base/error.h"
#include "partialfc/device/simt/control.h"

namespace partialfc::simt {
namespace {

uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* const value = std::getenv(name);
  if (value == nullptr) return otherwise;
  char* end = nullptr;
  const uint64_t number = std::strtoull(value, &end, 10);
  if (end == value || *end != '\0') fail_usage("{}: '{}' is not a number", name, value);
  return number;
}

}  // namespace

Machine& Machine::get() {
  static Machine& machine = *new Machine;  // outlives all that programs keep in static objects
  return machine;
}

Machine::Machine() : seed(from_environment("PARTIALFC_SIMT_SEED", 0)), order(seed) {
  const auto count = static_cast<int>(from_environment("PARTIALFC_SIMT_DEVICES", 1));
  for (int i = 0; i < count; ++i) devices.push_back(std::make_unique<Device>(i, int64_t{8} << 30));
}

Device& Machine::device(int ordinal) {
  if (ordinal < 0 || ordinal >= std::ssize(devices))
    fail_usage("there is no simulated device {}: there are {}", ordinal, devices.size());
  return *devices[static_cast<size_t>(ordinal)];
}

Device* Machine::device_of(const void* memory) {
  for (const auto& device : devices)
    if (device->memory.find(memory).size >= 0) return device.get();
  return nullptr;
}

void Machine::push(CUstream_st& stream, Work work) {
  if (!stream.device.error.empty()) {
    if (work.mark != nullptr) work.mark->done = true;
    return;
  }
  if (work.run) ++counts.queued;
  stream.queue.push_back(std::move(work));
  if (seed != 1) return;
  while (advance(stream)) {
  }
  reach(nullptr, nullptr);
}

void Machine::finish(std::unique_lock<std::mutex>& turn, Device& device) noexcept {
  for (bool busy = true; busy;) {
    bool moved = busy = false;
    for (CUstream_st* stream : device.streams) {
      busy |= !stream->queue.empty();
      moved |= advance(*stream);
    }
    if (busy && !moved) let_others(turn);
  }
  reach(nullptr, nullptr);
}

void Machine::finish(std::unique_lock<std::mutex>& turn, CUstream_st& stream) noexcept {
  while (!stream.queue.empty())
    if (!advance(stream)) let_others(turn);
  reach(nullptr, nullptr);
}

void Machine::work_until(std::unique_lock<std::mutex>& turn, CUstream_st& stream,
                         const std::function<bool()>& condition) {
  Device& device = stream.device;  // the stream may end while others have their turn
  while (!condition())
    if (!advance(stream)) let_others(turn);
  reach(nullptr, nullptr);
  throw_failure(device);
}

// All that this thread could do waits for what another has to.
void Machine::let_others(std::unique_lock<std::mutex>& turn) {
  reach(nullptr, nullptr);
  turn.unlock();
  std::this_thread::sleep_for(std::chrono::microseconds(20));
  turn.lock();
}

void Machine::work_once(CUstream_st& stream) {
  advance(stream);
  reach(nullptr, nullptr);
  throw_failure(stream.device);
}

// One piece of work, for somebody who waits for the stream. False: none could be done.
bool Machine::advance(CUstream_st& stream) {
  if (seed >= 1) {
    auto& streams = stream.device.streams;
    const size_t first = seed > 2 ? order.below(static_cast<unsigned>(streams.size())) : 0;
    for (size_t i = 0; i < streams.size(); ++i) {
      CUstream_st& other = *streams[(first + i) % streams.size()];
      if ((&other != &stream || seed > 2) && step(other, false)) return true;
    }
  }
  return step(stream, true);
}

bool Machine::step(CUstream_st& stream, bool whatever_it_waits_for) {
  if (stream.queue.empty()) return false;
  Work& work = stream.queue.front();
  if (work.awaited != nullptr && !work.awaited->done)
    return whatever_it_waits_for && step(*work.awaited->stream, true);
  return run(stream, work);
}

bool Machine::run(CUstream_st& stream, Work& work) {
  reach(&stream.device, work.other);
  try {
    if (work.run != nullptr && !work.run()) return false;
  } catch (const std::exception& error) {
    fail_device(stream.device,
                fmt::format("{} on simulated device {}: {}", work.name, stream.device.ordinal, error.what()));
    return true;
  }
  if (work.mark != nullptr) {
    work.mark->done = true;
    work.mark->when = std::chrono::steady_clock::now();
  }
  stream.queue.pop_front();
  return true;
}

void Machine::fail_device(Device& device, const std::string& error) {
  device.error = error;
  for (CUstream_st* stream : device.streams) {
    for (Work& work : stream->queue)
      if (work.mark != nullptr) work.mark->done = true;
    stream->queue.clear();
  }
}

void Machine::reach(Device* one, Device* other) {
  for (const auto& device : devices)
    if (device.get() == one || device.get() == other)
      device->memory.open();
    else
      device->memory.close();
}

void Machine::throw_failure(Device& device) {
  if (!device.error.empty()) throw Error(std::exchange(device.error, {}));
}

void set_seed(uint64_t seed) {
  Machine& machine = Machine::get();
  const std::lock_guard turn(machine.turn);
  for (const auto& device : machine.devices)
    for (const CUstream_st* stream : device->streams)
      PFC_CHECK(stream->queue.empty(), "a stream has work in it: {}", stream->queue.front().name);
  machine.seed = seed;
  machine.order = Order(seed);
}

void set_devices(int count, int64_t bytes_each) {
  Machine& machine = Machine::get();
  const std::lock_guard turn(machine.turn);
  for (const auto& device : machine.devices)
    PFC_CHECK(device->streams.empty() && device->memory.free_bytes() == device->memory.bytes(),
              "device {} has {} streams and {} bytes in use", device->ordinal, device->streams.size(),
              device->memory.bytes() - device->memory.free_bytes());
  machine.devices.clear();
  for (int i = 0; i < count; ++i) machine.devices.push_back(std::make_unique<Device>(i, bytes_each));
}

Counts counts() {
  Machine& machine = Machine::get();
  const std::lock_guard turn(machine.turn);
  return machine.counts;
}

void enqueue(runtime::StreamHandle stream, const std::string& name, std::function<bool()> work) {
  Machine& machine = Machine::get();
  const std::lock_guard turn(machine.turn);
  machine.push(*stream, {.name = name, .run = std::move(work)});
}

}  // namespace partialfc::simt
