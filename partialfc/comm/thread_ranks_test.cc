#include "partialfc/comm/thread_ranks.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace partialfc {
namespace {

using std::chrono::milliseconds;

// What run_ranks throws: E, with this message; "nothing" if it does not throw.
template <class E>
std::string thrown(int size, const std::function<void(Communicator&)>& body,
                   Communicator::Options options = {}) {
  try {
    run_ranks(size, body, options);
  } catch (const E& error) {
    return error.what();
  }
  return "nothing";
}

void expect_contains(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "\"" << part << "\" is not in: " << text;
}

TEST(ThreadRanks, EachRankRunsOnce) {
  for (int size : {1, 2, 5}) {
    std::vector<std::atomic<int>> calls(size);
    run_ranks(size, [&](Communicator& c) {
      EXPECT_EQ(c.size(), size);
      EXPECT_EQ(c.ranks_on_host(), size);
      EXPECT_EQ(c.name(), "world");
      ++calls[c.rank()];
    });
    for (const auto& count : calls) EXPECT_EQ(count, 1);
  }
}

TEST(ThreadRanks, RefusesWrongOptions) {
  expect_contains(thrown<UsageError>(0, [](Communicator&) {}), "0 ranks asked for");
  expect_contains(thrown<UsageError>(1, [](Communicator&) {}, {milliseconds(0)}), "must be positive");
}

TEST(ThreadRanks, TheOriginalExceptionComesOut) {
  for (int failing = 0; failing < 3; ++failing) {
    std::atomic<int> peers_that_threw = 0;
    const auto body = [&](Communicator& c) {
      if (c.rank() == failing) throw std::out_of_range("the original");
      std::vector<float> values(10);
      try {
        c.all_reduce<float>(values).wait();
      } catch (const Error& error) {
        expect_contains(error.what(), fmt::format("rank {} failed: the original", failing));
        ++peers_that_threw;
        throw;
      }
    };
    EXPECT_EQ(thrown<std::out_of_range>(3, body), "the original");
    EXPECT_EQ(peers_that_threw, 2);
  }
}

TEST(ThreadRanks, AnExceptionAbandonsTheRequestsItUnwinds) {
  std::atomic<int> peers_that_threw = 0;
  const auto body = [&](Communicator& c) {
    std::vector<float> a(10), b(10);
    c.barrier().wait();
    if (c.rank() == 0) {
      Request first = c.all_reduce<float>(a), second = c.all_reduce<float>(b);
      throw std::out_of_range("between start and wait");
    }
    try {
      c.all_reduce<float>(a).wait();
      c.all_reduce<float>(b).wait();
      c.barrier().wait();
    } catch (const Error&) {
      ++peers_that_threw;
      throw;
    }
  };
  EXPECT_EQ(thrown<std::out_of_range>(2, body), "between start and wait");
  EXPECT_EQ(peers_that_threw, 1);
}

TEST(ThreadRanks, ARankThatEndsEarlyIsNamedAtOnce) {
  const auto body = [](Communicator& c) {
    c.barrier().wait();
    if (c.rank() == 2) return;
    std::vector<int64_t> values(3);
    c.broadcast<int64_t>(values, 1).wait();
  };
  expect_contains(thrown<Error>(3, body), "rank 2 has ended without starting it: its last was barrier (#1)");
}

TEST(ThreadRanks, ATimeoutNamesOperationNumberAndLateRanks) {
  std::atomic<bool> go_on = false;
  const auto body = [&](Communicator& c) {
    const auto head = c.open_channel("head");
    head->barrier().wait();
    std::vector<float> values(64);
    if (c.rank() == 1) {
      while (!go_on) std::this_thread::sleep_for(milliseconds(1));
      return;
    }
    try {
      Request request = head->all_reduce<float>(values);
      while (c.rank() == 2 && !request.finished()) std::this_thread::sleep_for(milliseconds(1));
      request.wait();
    } catch (...) {
      go_on = true;
      throw;
    }
  };
  const std::string message = thrown<TimeoutError>(3, body, {milliseconds(1000)});
  expect_contains(message,
                  "waits for all_reduce(sum) of 64 float32 (#2 of channel head): not finished after 1 s: "
                  "rank 1 has not started it: its last was barrier (#1)");
}

TEST(ThreadRanks, ARankWhoseRequestIsDroppedAfterATimeoutCanGoOn) {
  std::atomic<bool> timed_out = false;
  const auto body = [&](Communicator& c) {
    if (c.rank() == 1) {
      while (!timed_out) std::this_thread::sleep_for(milliseconds(1));
      EXPECT_THROW(c.barrier().wait(), Error);
      return;
    }
    Request request = c.barrier();
    EXPECT_THROW(request.wait(), TimeoutError);
    timed_out = true;
    EXPECT_TRUE(request.finished());
  };
  EXPECT_EQ(thrown<std::exception>(2, body, {milliseconds(50)}), "nothing");
}

using Start = std::function<Request(Communicator&, std::vector<float>&)>;

// Rank 0 and then the others call different things.
std::string mismatch(const Start& one, const Start& other) {
  std::atomic<bool> called = false;
  return thrown<InternalError>(3, [&](Communicator& c) {
    c.barrier().wait();
    while (c.rank() != 0 && !called) std::this_thread::sleep_for(milliseconds(1));
    std::vector<float> values(6);
    Request request = (c.rank() == 0 ? one : other)(c, values);
    if (c.rank() == 0) called = true;
    request.wait();
  });
}

TEST(ThreadRanks, AMismatchNamesBothSides) {
  const auto sum = [](Communicator& c, std::vector<float>& v) { return c.all_reduce<float>(v); };
  const auto maximum = [](Communicator& c, std::vector<float>& v) {
    return c.all_reduce<float>(v, ReduceOp::kMax);
  };
  const auto sum_of_5 = [](Communicator& c, std::vector<float>& v) {
    return c.all_reduce<float>(std::span(v).first(5));
  };
  const auto sum_of_int64 = [](Communicator& c, std::vector<float>&) {
    static thread_local int64_t values[6];
    return c.all_reduce<int64_t>(values);
  };
  const auto from = [](int root) {
    return [root](Communicator& c, std::vector<float>& v) { return c.broadcast<float>(v, root); };
  };
  expect_contains(mismatch(sum, maximum),
                  "calls all_reduce(max) of 6 float32, rank 0 called all_reduce(sum) of 6");
  expect_contains(mismatch(sum, sum_of_5),
                  "calls all_reduce(sum) of 5 float32, rank 0 called all_reduce(sum) of 6");
  expect_contains(mismatch(sum, sum_of_int64), "calls all_reduce(sum) of 6 int64, rank 0 called");
  expect_contains(mismatch(sum, from(1)),
                  "calls broadcast of 6 float32 from rank 1, rank 0 called all_reduce");
  expect_contains(mismatch(from(0), from(1)),
                  "from rank 1, rank 0 called broadcast of 6 float32 from rank 0");
  expect_contains(mismatch(sum, from(2)), "#2 of channel world");
}

TEST(ThreadRanks, ChannelsOfDifferentNamesAreRefused) {
  const auto body = [](Communicator& c) { (void)c.open_channel(c.rank() == 0 ? "head" : "backbone"); };
  const std::string message = thrown<InternalError>(2, body);
  expect_contains(message, "opens channel head");
  expect_contains(message, "opens channel backbone");
}

}  // namespace
}  // namespace partialfc
