// Checks of requests under way and of channels.
#include <algorithm>
#include <chrono>
#include <thread>

#include "partialfc/base/host_name.h"
#include "partialfc/comm/conformance.h"
#include "partialfc/comm/conformance_values.h"

namespace partialfc {
namespace {

using namespace conformance;

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

void check_hosts(Communicator& c) {
  expect(c.ranks_on_host() >= 1 && c.ranks_on_host() <= c.size(), c, "ranks on host");
  int on_mine = 0;
  for (int r = 0; r < c.size(); ++r) on_mine += c.host_of(r) == c.host_of(c.rank()) ? 1 : 0;
  expect(c.host_of(c.rank()) == host_name(), c, "the name of this rank's host");
  expect(on_mine == c.ranks_on_host(), c, "ranks on a host of the same name");
}

constexpr ConformanceCheck kRequestChecks[] = {
    {"OutstandingRequests", check_outstanding_requests},
    {"Channels", check_channels},
    {"ChannelsOfTwoThreads", check_channels_of_two_threads},
    {"WorkBetweenStartAndWait", check_work_between_start_and_wait},
    {"Polling", check_polling},
    {"DroppedRequests", check_dropped_requests},
    {"Traffic", check_traffic},
    {"Hosts", check_hosts},
};

}  // namespace

std::span<const ConformanceCheck> request_checks() { return kRequestChecks; }

}  // namespace partialfc
