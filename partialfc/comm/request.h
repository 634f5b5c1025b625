// A collective operation under way, and how waiting for it can end.
#pragma once

#include <memory>

#include "partialfc/base/error.h"

namespace partialfc {

class Stream;

// A rank did not arrive in time.
class TimeoutError : public Error {
 public:
  using Error::Error;
};

// A rank is dead, stopped or cut off from this one: the group is of no more use.
class LostRankError : public Error {
 public:
  using Error::Error;
};

// Move-only. The destructor waits, and swallows the error that wait() would have thrown. While an exception unwinds the
// stack, or when wait() has thrown, an unfinished operation is abandoned instead, and the group is of no more use. Its
// buffers may then be freed, but among processes a peer that has not heard of it yet may still write to where an
// operation was to put its result (networks with remote memory access do so past the operating system), until this
// process ends: so end it, and trust nothing that was allocated since.
class [[nodiscard]] Request {
 public:
  // An implementation's side. Destroying one that is not finished abandons it.
  struct Operation {
    virtual ~Operation() = default;
    virtual bool finished() = 0;  // makes progress; throws like wait()
    virtual void wait() = 0;
    // What is queued in the stream from here on comes after it; where no device can see to that, the host waits.
    virtual void come_before(Stream&) { wait(); }
  };

  Request() = default;  // finished
  explicit Request(std::unique_ptr<Operation> operation);
  Request(Request&&) noexcept = default;
  Request& operator=(Request&& other) noexcept;
  ~Request() { settle(); }

  bool finished();
  void wait();
  // Orders it before what is queued in the stream from here on. The host goes on, if the operation is a device's, and has to
  // wait for it later, before it waits for that stream: nobody else hears of a rank that is late or lost.
  void come_before(Stream& stream);
  // The same, and gives it up: for what is the device's alone, an update of PartialFC.
  void then(Stream& stream);

 private:
  friend class Communicator;
  void settle() noexcept;

  std::unique_ptr<Operation> operation_;
  std::shared_ptr<double> waited_;  // its channel's waited_seconds()
  int exceptions_at_start_ = 0;
};

}  // namespace partialfc
