#include "partialfc/base/task_threads.h"

#include <utility>

#include "partialfc/base/error.h"

namespace partialfc {

TaskThreads::TaskThreads(int threads) {
  PFC_CHECK(threads >= 1, "{} threads for tasks", threads);
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

TaskThreads::~TaskThreads() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  added_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void TaskThreads::add(Order order, std::function<void()> task) {
  {
    std::lock_guard lock(mutex_);
    if (error_) std::rethrow_exception(error_);
    (order == Order::kUrgent ? urgent_ : in_turn_).push_back(std::move(task));
  }
  added_.notify_one();
}

void TaskThreads::wait_until(const std::function<bool()>& condition) {
  std::unique_lock lock(mutex_);
  awaited_ = true;
  ended_.wait(lock, [&] { return error_ || condition(); });
  awaited_ = false;
  if (error_) std::rethrow_exception(error_);
}

void TaskThreads::wait_for_all() {
  wait_until([this] { return none_left(); });
}

bool TaskThreads::all_have_ended() {
  std::lock_guard lock(mutex_);
  if (error_) std::rethrow_exception(error_);
  return none_left();
}

void TaskThreads::throw_error_if_any() {
  std::lock_guard lock(mutex_);
  if (error_) std::rethrow_exception(error_);
}

void TaskThreads::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    added_.wait(lock, [this] { return stopping_ || !urgent_.empty() || !in_turn_.empty(); });
    if (stopping_) return;
    auto& queue = urgent_.empty() ? in_turn_ : urgent_;
    std::function<void()> task = std::move(queue.front());
    queue.pop_front();
    ++running_;
    lock.unlock();
    std::exception_ptr error;
    try {
      task();
    } catch (...) {
      error = std::current_exception();
    }
    task = nullptr;
    lock.lock();
    if (error && !error_) error_ = error;
    --running_;
    if (awaited_) ended_.notify_one();
  }
}

}  // namespace partialfc
