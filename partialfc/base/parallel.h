// Parallel loops over a fixed team of threads.
//
// Work is split statically, so that which thread does what, and with it the order of every sum, depends on the number
// of threads alone. BLAS and oneDNN run single-threaded inside these loops.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace partialfc {

class ThreadTeam {
 public:
  // A team of `threads` >= 1: the caller of run() is thread 0, the others wait for work.
  explicit ThreadTeam(int threads);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return size_; }

  // Calls task(thread) once on each thread and waits for all. The first exception thrown is rethrown here.
  // One caller at a time; not from inside a task.
  void run(const std::function<void(int thread)>& task);

  // Splits begin … end into size() contiguous parts of equal length (± 1): task(thread, part_begin, part_end).
  // Threads whose part is empty are not called.
  void for_each_part(int64_t begin, int64_t end,
                     const std::function<void(int thread, int64_t begin, int64_t end)>& task);

 private:
  void work(int thread);
  void run_guarded(int thread);

  const int size_;
  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable start_, done_;
  const std::function<void(int)>* task_ = nullptr;
  uint64_t generation_ = 0;
  int running_ = 0;
  bool stopping_ = false;
  std::exception_ptr error_;
};

// Part `index` of `parts` equal parts (± 1) of 0 … count: [first, last).
struct Range {
  int64_t first = 0, last = 0;
  int64_t size() const { return last - first; }
};
Range part_of(int64_t count, int64_t parts, int64_t index);

}  // namespace partialfc
