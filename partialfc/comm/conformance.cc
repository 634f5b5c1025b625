#include "partialfc/comm/conformance.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include "partialfc/base/random.h"

namespace partialfc {
namespace {

constexpr int64_t kCounts[] = {0, 1, 2, 3, 7, 1000, 10000};
constexpr int64_t kLargeCount = 1000003;
constexpr ReduceOp kOps[] = {ReduceOp::kSum, ReduceOp::kMax, ReduceOp::kMin};

void expect(bool condition, const Communicator& c, const std::string& what) {
  if (!condition) fail("rank {} of {}: {}", c.rank(), c.size(), what);
}

// Element i of rank's input: small integers, neither monotone in the rank nor in i. They fit in a
// byte.
int64_t input(int rank, int64_t i) { return (i * 7 + rank * 5 + (i % 3) * rank) % 101; }

int64_t reduced(int size, int64_t i, ReduceOp op) {
  int64_t result = input(0, i);
  for (int r = 1; r < size; ++r) {
    const int64_t value = input(r, i);
    result = op == ReduceOp::kSum   ? result + value
             : op == ReduceOp::kMax ? std::max(result, value)
                                    : std::min(result, value);
  }
  return result;
}

template <class T>
std::vector<T> inputs(int rank, int64_t count) {
  std::vector<T> values(count);
  for (int64_t i = 0; i < count; ++i) values[i] = static_cast<T>(input(rank, i));
  return values;
}

template <class T>
void expect_equal(const Communicator& c, std::span<const T> values, std::span<const T> expected,
                  const std::string& what) {
  const auto wrong = std::mismatch(values.begin(), values.end(), expected.begin(), expected.end());
  if (wrong.first != values.end())
    fail("rank {} of {}: {}: element {} of {} is {} instead of {}", c.rank(), c.size(), what,
         wrong.first - values.begin(), values.size(), static_cast<double>(*wrong.first),
         static_cast<double>(*wrong.second));
}

template <class T>
void expect_reduced(const Communicator& c, std::span<const T> values, int64_t first, ReduceOp op,
                    const std::string& what) {
  std::vector<T> expected(values.size());
  for (int64_t i = 0; i < std::ssize(values); ++i)
    expected[i] = static_cast<T>(reduced(c.size(), first + i, op));
  expect_equal<T>(c, values, expected, what);
}

template <class T>
void check_one_all_gather(Communicator& c, int64_t count) {
  const std::vector<T> mine = inputs<T>(c.rank(), count);
  std::vector<T> all(c.size() * count, T{99});
  c.all_gather<T>(mine, all).wait();
  for (int r = 0; r < c.size(); ++r)
    expect_equal<T>(c, std::span(all).subspan(r * count, count), inputs<T>(r, count),
                    fmt::format("all_gather of {} from {}", count, r));
}

template <class T>
void check_one_all_reduce(Communicator& c, int64_t count, ReduceOp op) {
  std::vector<T> values = inputs<T>(c.rank(), count);
  c.all_reduce<T>(values, op).wait();
  expect_reduced<T>(c, values, 0, op, "all_reduce");
}

template <class T>
void check_one_reduce_scatter(Communicator& c, int64_t count, ReduceOp op) {
  const std::vector<T> all = inputs<T>(c.rank(), c.size() * count);
  std::vector<T> mine(count, T{99});
  c.reduce_scatter<T>(all, mine, op).wait();
  expect_reduced<T>(c, mine, c.rank() * count, op, "reduce_scatter");
}

template <class T>
void check_one_broadcast(Communicator& c, int64_t count, int root) {
  std::vector<T> values = inputs<T>(c.rank(), count);
  c.broadcast<T>(values, root).wait();
  expect_equal<T>(c, values, inputs<T>(root, count), fmt::format("broadcast of {} from {}", count, root));
}

void check_all_gather(Communicator& c) {
  for (int64_t count : kCounts) {
    check_one_all_gather<std::byte>(c, count);
    check_one_all_gather<int64_t>(c, count);
    check_one_all_gather<float>(c, count);
    check_one_all_gather<double>(c, count);
  }
  check_one_all_gather<float>(c, kLargeCount);
}

void check_all_reduce(Communicator& c) {
  for (int64_t count : kCounts)
    for (ReduceOp op : kOps) {
      check_one_all_reduce<int64_t>(c, count, op);
      check_one_all_reduce<float>(c, count, op);
      check_one_all_reduce<double>(c, count, op);
    }
  check_one_all_reduce<float>(c, kLargeCount, ReduceOp::kSum);
}

void check_reduce_scatter(Communicator& c) {
  for (int64_t count : kCounts)
    for (ReduceOp op : kOps) {
      check_one_reduce_scatter<int64_t>(c, count, op);
      check_one_reduce_scatter<float>(c, count, op);
      check_one_reduce_scatter<double>(c, count, op);
    }
  check_one_reduce_scatter<float>(c, kLargeCount, ReduceOp::kSum);
}

void check_broadcast(Communicator& c) {
  for (int64_t count : kCounts)
    for (int root = 0; root < c.size(); ++root) {
      check_one_broadcast<std::byte>(c, count, root);
      check_one_broadcast<int64_t>(c, count, root);
      check_one_broadcast<float>(c, count, root);
      check_one_broadcast<double>(c, count, root);
    }
  check_one_broadcast<float>(c, kLargeCount, c.size() - 1);
}

// Nobody leaves before the last has entered. (steady_clock is one clock for all processes of a
// host.)
void check_barrier(Communicator& c) {
  const auto now = [] { return std::chrono::steady_clock::now().time_since_epoch().count(); };
  for (int late = 0; late < c.size(); ++late) {
    if (c.rank() == late) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    const int64_t entered = now();
    c.barrier().wait();
    const int64_t left = now();
    std::vector<int64_t> all(c.size());
    c.all_gather<int64_t>(std::span(&entered, 1), all).wait();
    if (c.ranks_on_host() == c.size())
      expect(left >= *std::max_element(all.begin(), all.end()), c,
             "left a barrier before the last rank entered it");
  }
}

void check_outstanding_requests(Communicator& c) {
  constexpr int kRequests = 12;
  const int64_t count = 5000;
  std::vector<std::vector<float>> sums;
  std::vector<std::vector<float>> parts(kRequests, std::vector<float>(count));
  const std::vector<float> all = inputs<float>(c.rank(), c.size() * count);
  for (int i = 0; i < kRequests; ++i) sums.push_back(inputs<float>(c.rank(), count + i));
  std::vector<Request> requests;
  for (int i = 0; i < kRequests; ++i) {
    requests.push_back(c.all_reduce<float>(sums[i]));
    requests.push_back(c.reduce_scatter<float>(all, parts[i], ReduceOp::kMax));
  }
  std::reverse(requests.begin(), requests.end());
  for (Request& request : requests) request.wait();
  for (int i = 0; i < kRequests; ++i) {
    expect_reduced<float>(c, sums[i], 0, ReduceOp::kSum, "outstanding all_reduce");
    expect_reduced<float>(c, parts[i], c.rank() * count, ReduceOp::kMax, "outstanding reduce_scatter");
  }
}

// Ranks start the operations of two channels in different orders.
void check_channels(Communicator& c) {
  const auto first = c.open_channel("first"), second = c.open_channel("second");
  expect(first->name() == "first" && first->rank() == c.rank() && first->size() == c.size(), c,
         "channel's identity");
  for (int64_t count : {1, 1000, 100000}) {
    std::vector<double> a = inputs<double>(c.rank(), count), b = a;
    Request request_a, request_b;
    if (c.rank() % 2 == 0) {
      request_a = first->all_reduce<double>(a);
      request_b = second->all_reduce<double>(b, ReduceOp::kMax);
    } else {
      request_b = second->all_reduce<double>(b, ReduceOp::kMax);
      request_a = first->all_reduce<double>(a);
    }
    request_b.wait();
    request_a.wait();
    expect_reduced<double>(c, a, 0, ReduceOp::kSum, "first channel");
    expect_reduced<double>(c, b, 0, ReduceOp::kMax, "second channel");
  }
  const auto nested = second->open_channel("second");  // a name may come twice
  check_one_all_reduce<float>(*nested, 10, ReduceOp::kSum);
}

// Two threads of each rank, each with its channel.
void check_channels_of_two_threads(Communicator& c) {
  const auto channel = c.open_channel("of a thread");
  std::exception_ptr error;
  std::thread other([&] {
    try {
      for (int64_t count = 1; count < 3000; count *= 3)
        check_one_reduce_scatter<float>(*channel, count, ReduceOp::kSum);
    } catch (...) {
      error = std::current_exception();
    }
  });
  try {
    for (int64_t count = 1; count < 3000; count *= 3) check_one_all_gather<float>(c, count);
  } catch (...) {
    error = std::current_exception();
  }
  other.join();
  if (error) std::rethrow_exception(error);
}

void check_work_between_start_and_wait(Communicator& c) {
  for (int repeat = 0; repeat < 3; ++repeat) {
    std::vector<float> values = inputs<float>(c.rank(), 200000);
    Request request = c.all_reduce<float>(values);
    std::vector<float> work(100000, 1.0f);
    for (int pass = 0; pass < 20 * (c.rank() + 1); ++pass)
      for (float& x : work) x = x * 0.5f + 0.5f;
    expect(*std::min_element(work.begin(), work.end()) == 1.0f, c, "work");
    request.wait();
    expect_reduced<float>(c, values, 0, ReduceOp::kSum, "overlapped all_reduce");
  }
}

void check_polling(Communicator& c) {
  std::vector<int64_t> values = inputs<int64_t>(c.rank(), 1000);
  const std::vector<int64_t> all = inputs<int64_t>(c.rank(), c.size() * 1000);
  std::vector<int64_t> mine(1000);
  Request sum = c.all_reduce<int64_t>(values), part = c.reduce_scatter<int64_t>(all, mine);
  while (!part.finished() || !sum.finished()) std::this_thread::sleep_for(std::chrono::microseconds(100));
  sum.wait();
  expect_reduced<int64_t>(c, values, 0, ReduceOp::kSum, "polled all_reduce");
  expect_reduced<int64_t>(c, mine, c.rank() * 1000, ReduceOp::kSum, "polled reduce_scatter");
}

// A Request that is dropped or overwritten has been waited for.
void check_dropped_requests(Communicator& c) {
  std::vector<float> a = inputs<float>(c.rank(), 1000), b = a;
  {
    Request request = c.all_reduce<float>(a);
    request = c.all_reduce<float>(b);
    expect_reduced<float>(c, a, 0, ReduceOp::kSum, "overwritten request");
  }
  expect_reduced<float>(c, b, 0, ReduceOp::kSum, "dropped request");
}

void check_traffic(Communicator& c) {
  const auto channel = c.open_channel("counted");
  const Traffic::Entry opened = c.traffic()[Collective::kOpenChannel];
  std::vector<float> small(3), large(3 * c.size());
  std::vector<int64_t> integers(5);
  channel->all_gather<float>(small, large).wait();
  channel->all_gather<float>(small, large).wait();
  channel->reduce_scatter<float>(large, small).wait();
  channel->all_reduce<int64_t>(integers).wait();
  channel->broadcast<int64_t>(integers, 0).wait();
  channel->barrier().wait();
  const Traffic& traffic = channel->traffic();
  const auto is = [&](Collective collective, int64_t calls, int64_t bytes) {
    expect(traffic[collective].calls == calls && traffic[collective].bytes == bytes, c,
           fmt::format("traffic of {}: {} calls, {} bytes instead of {} and {}", name_of(collective),
                       traffic[collective].calls, traffic[collective].bytes, calls, bytes));
  };
  is(Collective::kAllGather, 2, 2 * 12 * c.size());
  is(Collective::kReduceScatter, 1, 12 * c.size());
  is(Collective::kAllReduce, 1, 40);
  is(Collective::kBroadcast, 1, 40);
  is(Collective::kBarrier, 1, 0);
  is(Collective::kOpenChannel, 0, 0);
  expect(traffic.total().calls == 6 && traffic.total().bytes == 36 * c.size() + 80, c, "total traffic");
  expect(c.traffic()[Collective::kOpenChannel].calls == opened.calls, c,
         "traffic of a channel on its parent");
}

// Sums that round: the same bits on every rank, and again for the same inputs.
void check_same_bits(Communicator& c) {
  for (int64_t count : {1, 7, 1000, 100003}) {
    std::vector<float> values(count);
    fill_normal(values, 11, c.rank(), 1.0f);
    std::vector<float> again = values;
    c.all_reduce<float>(values).wait();
    c.all_reduce<float>(again).wait();
    std::vector<float> all(count * c.size());
    c.all_gather<float>(values, all).wait();
    const size_t bytes = count * sizeof(float);
    expect(std::memcmp(again.data(), values.data(), bytes) == 0, c, "a second sum has other bits");
    for (int r = 0; r < c.size(); ++r)
      expect(std::memcmp(all.data() + r * count, values.data(), bytes) == 0, c,
             "the ranks' sums differ in bits");
  }
}

// reduce_scatter sums in the order of the ranks, on every implementation.
void check_order_of_sums(Communicator& c) {
  const int64_t count = 1001;
  std::vector<float> all(count * c.size()), expected, mine(count);
  for (int r = 0; r < c.size(); ++r) {
    fill_normal(all, 13, r, 1.0f);
    if (r == 0)
      expected = all;
    else
      for (size_t i = 0; i < all.size(); ++i) expected[i] += all[i];
  }
  fill_normal(all, 13, c.rank(), 1.0f);
  c.reduce_scatter<float>(all, mine).wait();
  expect(std::memcmp(mine.data(), expected.data() + c.rank() * count, count * sizeof(float)) == 0, c,
         "reduce_scatter sums in another order");
}

void check_wrong_sizes(Communicator& c) {
  std::vector<float> mine(2), all(2 * c.size() + 1);
  const auto throws = [](auto&& action) {
    try {
      action();
    } catch (const InternalError&) {
      return true;
    }
    return false;
  };
  expect(throws([&] { c.all_gather<float>(mine, all).wait(); }), c,
         "all_gather took a buffer of the wrong size");
  expect(throws([&] { c.reduce_scatter<float>(all, mine).wait(); }), c, "reduce_scatter took one");
  expect(throws([&] { c.broadcast<float>(mine, c.size()).wait(); }), c, "broadcast took root == size");
  expect(throws([&] { c.open_channel(std::string(64, 'x')); }), c, "open_channel took a name of 64 bytes");
  check_one_all_reduce<float>(c, 3, ReduceOp::kSum);  // none of these has left a trace
}

void check_ranks_on_host(Communicator& c) {
  expect(c.ranks_on_host() >= 1 && c.ranks_on_host() <= c.size(), c, "ranks on host");
}

constexpr ConformanceCheck kChecks[] = {
    {"AllGather", check_all_gather},
    {"AllReduce", check_all_reduce},
    {"ReduceScatter", check_reduce_scatter},
    {"Broadcast", check_broadcast},
    {"Barrier", check_barrier},
    {"OutstandingRequests", check_outstanding_requests},
    {"Channels", check_channels},
    {"ChannelsOfTwoThreads", check_channels_of_two_threads},
    {"WorkBetweenStartAndWait", check_work_between_start_and_wait},
    {"Polling", check_polling},
    {"DroppedRequests", check_dropped_requests},
    {"Traffic", check_traffic},
    {"SameBits", check_same_bits},
    {"OrderOfSums", check_order_of_sums},
    {"WrongSizes", check_wrong_sizes},
    {"RanksOnHost", check_ranks_on_host},
};

}  // namespace

std::span<const ConformanceCheck> conformance_checks() { return kChecks; }

}  // namespace partialfc
