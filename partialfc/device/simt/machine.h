// The simulated devices of the program, and the queues of work in their streams.
//
// Work is done by the threads that wait for it, one at a time: ranks that are threads take turns. A failure of a kernel is
// its device's: what is queued there is dropped, and the next call that waits for the device throws it.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "partialfc/device/runtime.h"
#include "partialfc/device/simt/block.h"
#include "partialfc/device/simt/control.h"
#include "partialfc/device/simt/memory.h"

namespace partialfc::simt {

struct Device {
  Device(int ordinal, int64_t bytes) : ordinal(ordinal), memory(bytes) {}

  int ordinal;
  Memory memory;
  std::vector<CUstream_st*> streams;
  std::string error;  // of work that failed, until a call has thrown it
};

// A moment in a stream: what an event was last recorded at.
struct Mark {
  CUstream_st* stream;  // lives for as long as the mark is not done
  bool done = false;
  std::chrono::steady_clock::time_point when{};
};

struct Work {
  std::string name;
  std::function<bool()> run;      // false: not yet
  std::shared_ptr<Mark> mark;     // done with this work
  std::shared_ptr<Mark> awaited;  // this work comes after it
  Device* other = nullptr;        // whose memory it needs besides its own device's
};

class Machine {
 public:
  static Machine& get();

  std::mutex turn;  // holds whoever uses what follows
  std::vector<std::unique_ptr<Device>> devices;
  Counts counts;
  uint64_t seed = 0;
  Order order{0};

  Device& device(int ordinal);            // throws UsageError where there is none
  Device* device_of(const void* memory);  // null for the host's
  void push(CUstream_st& stream, Work work);
  // Until nothing is queued on the device, or in the stream. What fails stays for the next call that throws it.
  void finish(std::unique_lock<std::mutex>& turn, Device& device) noexcept;
  void finish(std::unique_lock<std::mutex>& turn, CUstream_st& stream) noexcept;
  // Works until the condition holds, for a caller that waits for the stream; then throws what failed on its device.
  void work_until(std::unique_lock<std::mutex>& turn, CUstream_st& stream,
                  const std::function<bool()>& condition);
  // Does one piece of work for somebody who only asks; then as work_until.
  void work_once(CUstream_st& stream);

 private:
  Machine();
  void let_others(std::unique_lock<std::mutex>& turn);
  bool advance(CUstream_st& stream);
  bool step(CUstream_st& stream, bool whatever_it_waits_for);
  bool run(CUstream_st& stream, Work& work);
  void fail_device(Device& device, const std::string& error);
  void reach(Device* one, Device* other);  // opens their memory and closes all others'
  void throw_failure(Device& device);
};

}  // namespace partialfc::simt

struct CUstream_st {
  partialfc::simt::Device& device;
  std::deque<partialfc::simt::Work> queue{};
};
struct CUevent_st {
  std::shared_ptr<partialfc::simt::Mark> mark{};
};
