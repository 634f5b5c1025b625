// Queues of work on a device, and marks in them.
//
//     Stream compute, update;
//     launch(kernel, …, compute);
//     Event done(compute);
//     update.wait(done);            // what is queued there from here on comes after the kernel; the host goes on
#pragma once

#include <memory>

#include "partialfc/device/runtime.h"

namespace partialfc {

class Event;

// Of the device that the thread which makes it has in use. Move-only; one thread at a time.
class Stream {
 public:
  explicit Stream(runtime::Priority priority = runtime::Priority::kNormal)
      : handle_(runtime::create_stream(priority)) {}

  runtime::StreamHandle handle() const { return handle_.get(); }
  void wait(const Event& event);
  void synchronize() { runtime::synchronize(handle()); }  // the host waits

 private:
  struct Destroy {
    void operator()(runtime::StreamHandle stream) const noexcept { runtime::destroy_stream(stream); }
  };
  std::unique_ptr<CUstream_st, Destroy> handle_;
};

class Event {
 public:
  Event() : handle_(runtime::create_event()) {}  // done
  explicit Event(Stream& stream) : Event() { record(stream); }

  runtime::EventHandle handle() const { return handle_.get(); }
  // Is done once everything is that is queued in the stream now.
  void record(Stream& stream) { runtime::record(handle(), stream.handle()); }
  bool is_done() const { return runtime::is_done(handle()); }
  void synchronize() const { runtime::synchronize(handle()); }  // the host waits

 private:
  struct Destroy {
    void operator()(runtime::EventHandle event) const noexcept { runtime::destroy_event(event); }
  };
  std::unique_ptr<CUevent_st, Destroy> handle_;
};

inline void Stream::wait(const Event& event) { runtime::wait(handle(), event.handle()); }

}  // namespace partialfc
