#include "partialfc/base/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <iterator>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "partialfc/base/error.h"

namespace partialfc {

struct TraceBuffer {
  struct Recorded {
    const char* name;
    int64_t begin, end;  // as Trace::began()
    int64_t bytes;       // −1: none
  };

  const int rank;
  const std::string name;
  std::mutex mutex;               // held by its lane, and for a moment by events()
  std::deque<Recorded> recorded;  // in the order of their ends
};

struct TraceRecording {
  const uint64_t number;  // 1, 2, … in this process
  const int64_t began;
  const int64_t most_events;
  std::atomic<int64_t> events = 0;  // offered so far
  std::mutex mutex;                 // guards buffers
  std::vector<std::shared_ptr<TraceBuffer>> buffers;
};

namespace {

std::mutex current_mutex;  // guards the two below
std::shared_ptr<TraceRecording> current;
uint64_t last_number = 0;

std::shared_ptr<TraceRecording> current_recording() {
  const std::lock_guard lock(current_mutex);
  return current;
}

// The wall clock when the process began to ask, moved on by the clock that never goes back.
int64_t nanoseconds() {
  using std::chrono::nanoseconds;
  static const int64_t offset = nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count() -
                                nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
  return offset + nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::shared_ptr<TraceRecording> begin_recording(int64_t most_events) {
  const std::lock_guard lock(current_mutex);
  PFC_CHECK(!current, "a second trace in one process");
  current.reset(
      new TraceRecording{.number = ++last_number, .began = nanoseconds(), .most_events = most_events});
  return current;
}

TraceLane& lane_of_thread() {
  thread_local TraceLane lane(0, "thread");
  return lane;
}

std::string metadata(const char* name, int rank, size_t thread, const char* key, const std::string& value) {
  return fmt::format(R"({{"name":"{}","ph":"M","pid":{},"tid":{},"args":{{"{}":"{}"}}}})", name, rank, thread,
                     key, value);
}

std::string complete_span(const TraceBuffer::Recorded& span, int rank, size_t thread, int64_t origin) {
  const auto microseconds = [](int64_t ns) { return static_cast<double>(ns) * 1e-3; };
  return fmt::format(R"({{"name":"{}","ph":"X","ts":{:.3f},"dur":{:.3f},"pid":{},"tid":{}{}}})", span.name,
                     microseconds(span.begin - origin), microseconds(span.end - span.begin), rank, thread,
                     span.bytes < 0 ? "" : fmt::format(R"(,"args":{{"bytes":{}}})", span.bytes));
}

}  // namespace

std::atomic<uint64_t> Trace::active_ = 0;

Trace::Trace(int64_t most_events) : recording_(begin_recording(most_events)) {
  active_.store(recording_->number);
}

Trace::~Trace() {
  active_.store(0);
  const std::lock_guard lock(current_mutex);
  current = nullptr;
}

int64_t Trace::began() const { return recording_->began; }

std::string Trace::events(int64_t origin) const {
  std::vector<std::shared_ptr<TraceBuffer>> buffers;
  {
    const std::lock_guard lock(recording_->mutex);
    buffers = recording_->buffers;
  }
  std::string text;
  const auto add = [&](const std::string& event) { text += (text.empty() ? "" : ",\n") + event; };
  std::set<int> ranks;
  for (const auto& buffer : buffers) ranks.insert(buffer->rank);
  const int64_t missing = recording_->events - recording_->most_events;
  for (const int rank : ranks) {
    add(metadata("process_name", rank, 0, "name", fmt::format("rank {}", rank)));
    if (missing > 0) {
      add(metadata(
          "process_labels", rank, 0, "labels",
          fmt::format("stopped after {} events: {} more are not shown", recording_->most_events, missing)));
    }
  }
  for (size_t thread = 0; thread < buffers.size(); ++thread) {
    TraceBuffer& buffer = *buffers[thread];
    add(metadata("thread_name", buffer.rank, thread, "name", buffer.name));
    const std::lock_guard lock(buffer.mutex);
    for (const TraceBuffer::Recorded& span : buffer.recorded)
      add(complete_span(span, buffer.rank, thread, origin));
  }
  return text;
}

std::string trace_file(std::span<const std::string> events) {
  std::string text = "[\n";
  bool is_first = true;
  for (const std::string& some : events) {
    if (some.empty()) continue;
    if (!std::exchange(is_first, false)) text += ",\n";
    text += some;
  }
  return text + (is_first ? "]\n" : "\n]\n");
}

TraceLane::TraceLane(int rank, std::string name) : rank_(rank), name_(std::move(name)) {
  PFC_CHECK(std::none_of(name_.begin(), name_.end(),
                         [](char c) { return c == '"' || c == '\\' || (c >= 0 && c < ' '); }),
            "the name of a trace's lane: {}", name_);
}

int64_t TraceLane::now() { return nanoseconds(); }

void TraceLane::add(const char* name, int64_t began, int64_t bytes) {
  if (began == 0 || !Trace::is_active()) return;
  const auto recording = current_recording();
  if (!recording || began < recording->began) return;  // begun without this trace
  if (recording->events.fetch_add(1, std::memory_order_relaxed) >= recording->most_events) return;
  if (recording_ != recording->number) {
    recording_ = recording->number;
    buffer_.reset(new TraceBuffer{.rank = rank_, .name = name_});
    const std::lock_guard lock(recording->mutex);
    recording->buffers.push_back(buffer_);
  }
  const std::lock_guard lock(buffer_->mutex);
  buffer_->recorded.push_back({name, began, now(), bytes});
}

void TraceLane::add_in_turn(const char* name, int64_t began, int64_t bytes) {
  if (began == 0) return;
  if (buffer_ != nullptr) {
    const std::lock_guard lock(buffer_->mutex);
    if (!buffer_->recorded.empty()) began = std::max(began, buffer_->recorded.back().end);
  }
  add(name, began, bytes);
}

void name_trace_thread(int rank, const std::string& name) { lane_of_thread() = TraceLane(rank, name); }

void TraceSpan::end() const { lane_of_thread().add(name_, began_); }

}  // namespace partialfc
