#include "partialfc/base/parallel.h"

#include <utility>

#include "partialfc/base/error.h"

namespace partialfc {

ThreadTeam::ThreadTeam(int threads) : size_(threads) {
  PFC_CHECK(threads >= 1, "a team of {} threads", threads);
  for (int thread = 1; thread < threads; ++thread) workers_.emplace_back([this, thread] { work(thread); });
}

ThreadTeam::~ThreadTeam() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  start_.notify_all();
  for (auto& worker : workers_) worker.join();
}

void ThreadTeam::run(const std::function<void(int)>& task) {
  {
    std::lock_guard lock(mutex_);
    PFC_CHECK(running_ == 0, "ThreadTeam::run from two threads at once");
    task_ = &task;
    error_ = nullptr;
    running_ = size_;
    ++generation_;
  }
  start_.notify_all();
  run_guarded(0);
  std::unique_lock lock(mutex_);
  done_.wait(lock, [this] { return running_ == 0; });
  task_ = nullptr;
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void ThreadTeam::run_guarded(int thread) {
  std::exception_ptr error;
  try {
    (*task_)(thread);
  } catch (...) {
    error = std::current_exception();
  }
  std::lock_guard lock(mutex_);
  if (error && !error_) error_ = error;
  if (--running_ == 0) done_.notify_one();
}

void ThreadTeam::work(int thread) {
  uint64_t seen = 0;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      start_.wait(lock, [&] { return stopping_ || generation_ != seen; });
      if (stopping_) return;
      seen = generation_;
    }
    run_guarded(thread);
  }
}

void ThreadTeam::for_each_part(int64_t begin, int64_t end,
                               const std::function<void(int, int64_t, int64_t)>& task) {
  run([&](int thread) {
    const Range part = part_of(end - begin, size_, thread);
    if (part.size() > 0) task(thread, begin + part.first, begin + part.last);
  });
}

Range part_of(int64_t count, int64_t parts, int64_t index) {
  const auto cut = [&](int64_t i) { return static_cast<int64_t>(static_cast<__int128>(count) * i / parts); };
  return {cut(index), cut(index + 1)};
}

}  // namespace partialfc
