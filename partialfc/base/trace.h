// Where the time of a run goes: named spans of each thread, as events that chrome://tracing and Perfetto show.
//
//     const Trace trace;                        // from here on spans are recorded
//     name_trace_thread(rank, "trainer");       // in a thread, before or after
//     { const TraceSpan span("head.forward"); … }
//     trace_file(std::vector{trace.events(trace.began())})
//
// Without a Trace a span costs one relaxed load.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace partialfc {

struct TraceRecording;
struct TraceBuffer;  // what one lane has recorded

// What is recorded while it lives; one at a time in a process. Threads may record before, meanwhile and after.
//
// It is the one object that a process shares unasked: spans are in every layer and in threads that other objects start,
// and handing a recorder down to each of them would put it into every interface, for a tool that no result depends on.
class Trace {
 public:
  static constexpr int64_t kMostEvents = 1'000'000;  // of 32 bytes

  // Records up to `most_events` spans; events() says how many came after.
  explicit Trace(int64_t most_events = kMostEvents);
  ~Trace();
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  static bool is_active() { return active_.load(std::memory_order_relaxed) != 0; }

  // Nanoseconds since 1970, by the host's clock: comparable among the ranks as far as their hosts' clocks agree.
  int64_t began() const;
  // All events so far, one JSON object a line with commas between: the names of ranks (pid) and lanes (tid), then the
  // complete spans. Their times count from `origin`, a began().
  std::string events(int64_t origin) const;

 private:
  friend class TraceLane;
  static std::atomic<uint64_t> active_;  // number of the recording; 0: none

  const std::shared_ptr<TraceRecording> recording_;
};

// The whole file, a JSON array, of the events() of several processes.
std::string trace_file(std::span<const std::string> events);

// A line of the picture. Used by one thread at a time.
class TraceLane {
 public:
  // The name holds no quotes, backslashes or control characters.
  TraceLane(int rank, std::string name);

  // The present, as Trace::began(); 0 without a Trace.
  static int64_t begin() { return Trace::is_active() ? now() : 0; }
  // Records the time since `began`, a begin(), under a name that outlives the Trace; bytes: −1 for none.
  void add(const char* name, int64_t began, int64_t bytes = -1);
  // As add, but not from before the end of what was added last: operations in a queue, one behind the other.
  void add_in_turn(const char* name, int64_t began, int64_t bytes);

 private:
  static int64_t now();

  int rank_;
  std::string name_;
  uint64_t recording_ = 0;  // that buffer_ is of
  std::shared_ptr<TraceBuffer> buffer_;
};

// The rank and the name under which the calling thread's spans are shown; without, "thread" of rank 0.
void name_trace_thread(int rank, const std::string& name);

// The time from here to the end of the scope, in the calling thread. `name` outlives the Trace.
class TraceSpan {
 public:
  explicit TraceSpan(const char* name) : name_(name), began_(TraceLane::begin()) {}
  ~TraceSpan() {
    if (began_ != 0) end();
  }
  TraceSpan(const TraceSpan&) = delete;
  TraceSpan& operator=(const TraceSpan&) = delete;

 private:
  void end() const;

  const char* const name_;
  const int64_t began_;
};

}  // namespace partialfc
