// Threads that run queued tasks in the background: for work that waits on a disk. (Arithmetic runs on a ThreadTeam.)
//
// Tasks begin in the order they were added, urgent ones first, and may end in any order. The first exception of a task
// is kept, and thrown by every later call below but the destructor: whoever goes on would go on with half the work.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace partialfc {

class TaskThreads {
 public:
  enum class Order { kUrgent, kInTurn };

  explicit TaskThreads(int threads);
  // Waits for the tasks that have begun, drops those that have not.
  ~TaskThreads();
  TaskThreads(const TaskThreads&) = delete;
  TaskThreads& operator=(const TaskThreads&) = delete;

  int size() const { return static_cast<int>(threads_.size()); }
  void add(Order order, std::function<void()> task);
  // Returns once `condition` holds; it is looked at under a lock, now and after each task's end. One caller at a time.
  void wait_until(const std::function<bool()>& condition);
  // Returns once every task has ended.
  void wait_for_all();
  bool all_have_ended();
  void throw_error_if_any();

 private:
  void work();
  bool none_left() const { return running_ == 0 && urgent_.empty() && in_turn_.empty(); }

  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable added_, ended_;
  std::deque<std::function<void()>> urgent_, in_turn_;
  int running_ = 0;
  bool awaited_ = false;
  bool stopping_ = false;
  std::exception_ptr error_;
};

}  // namespace partialfc
