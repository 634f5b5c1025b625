#include "partialfc/base/task_threads.h"

#include <gtest/gtest.h>

#include <atomic>

#include "partialfc/base/test_support.h"

namespace partialfc {
namespace {

using Order = TaskThreads::Order;

TEST(TaskThreads, EveryTaskRunsOnce) {
  for (const int threads : {1, 7}) {
    TaskThreads tasks(threads);
    tasks.wait_for_all();
    std::vector<std::atomic<int>> runs(1000);
    for (auto& run : runs) tasks.add(Order::kInTurn, [&run] { ++run; });
    tasks.wait_for_all();
    for (const auto& run : runs) ASSERT_EQ(run, 1);
  }
}

TEST(TaskThreads, UrgentTasksBeginFirstAndTheRestInTurn) {
  TaskThreads tasks(1);
  std::atomic<bool> begun{false}, go{false};
  std::string order;
  tasks.add(Order::kInTurn, [&] {
    begun = true;
    go.wait(false);
  });
  while (!begun) std::this_thread::yield();
  for (const char name : {'a', 'b'}) tasks.add(Order::kInTurn, [&order, name] { order += name; });
  for (const char name : {'X', 'Y'}) tasks.add(Order::kUrgent, [&order, name] { order += name; });
  go = true;
  go.notify_one();
  tasks.wait_for_all();
  EXPECT_EQ(order, "XYab");
}

TEST(TaskThreads, WaitingEndsWithTheConditionNotWithTheQueue) {
  TaskThreads tasks(2);
  std::atomic<bool> go{false}, done{false};
  tasks.add(Order::kInTurn, [&] { go.wait(false); });
  tasks.add(Order::kInTurn, [&] { done = true; });
  tasks.wait_until([&] { return done.load(); });
  go = true;
  go.notify_one();
  tasks.wait_for_all();
}

TEST(TaskThreads, TheFirstErrorIsThrownByEveryLaterCall) {
  TaskThreads tasks(1);
  tasks.throw_error_if_any();
  tasks.add(Order::kUrgent, [] { fail("the disk is gone"); });
  EXPECT_EQ(message_of([&] { tasks.wait_until([] { return false; }); }), "the disk is gone");
  EXPECT_EQ(message_of([&] { tasks.wait_for_all(); }), "the disk is gone");
  EXPECT_EQ(message_of([&] { tasks.add(Order::kInTurn, [] {}); }), "the disk is gone");
  EXPECT_EQ(message_of([&] { tasks.throw_error_if_any(); }), "the disk is gone");
}

TEST(TaskThreads, DestructionDropsWhatHasNotBegun) {
  std::atomic<int> runs{0};
  {
    TaskThreads tasks(1);
    std::atomic<bool> begun{false};
    for (int i = 0; i < 100; ++i)
      tasks.add(Order::kInTurn, [&] {
        begun = true;
        ++runs;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      });
    while (!begun) std::this_thread::yield();
  }
  EXPECT_GE(runs, 1);
  EXPECT_LT(runs, 100);
}

}  // namespace
}  // namespace partialfc
