// Checks of what each operation computes.
#include <array>
#include <chrono>
#include <cstring>
#include <thread>

#include "partialfc/base/random.h"
#include "partialfc/comm/conformance.h"
#include "partialfc/comm/conformance_values.h"
#include "partialfc/comm/host_collective.h"

namespace partialfc {
namespace {

using namespace conformance;

constexpr int64_t kCounts[] = {0, 1, 2, 3, 7, 1000, 10000};
constexpr int64_t kLargeCount = 1000003;
constexpr ReduceOp kOps[] = {ReduceOp::kSum, ReduceOp::kMax, ReduceOp::kMin};

void check_all_gather(Communicator& c) {
  for (int64_t count : kCounts) {
    check_one_all_gather<std::byte>(c, count);
    check_one_all_gather<int64_t>(c, count);
    check_one_all_gather<float>(c, count);
    check_one_all_gather<double>(c, count);
    check_one_all_gather<BFloat16>(c, count);
  }
  check_one_all_gather<float>(c, kLargeCount);
}

void check_all_reduce(Communicator& c) {
  for (int64_t count : kCounts)
    for (ReduceOp op : kOps) {
      check_one_all_reduce<int64_t>(c, count, op);
      check_one_all_reduce<float>(c, count, op);
      check_one_all_reduce<double>(c, count, op);
      check_one_all_reduce<BFloat16>(c, count, op);
    }
  check_one_all_reduce<float>(c, kLargeCount, ReduceOp::kSum);
}

void check_reduce_scatter(Communicator& c) {
  for (int64_t count : kCounts)
    for (ReduceOp op : kOps) {
      check_one_reduce_scatter<int64_t>(c, count, op);
      check_one_reduce_scatter<float>(c, count, op);
      check_one_reduce_scatter<double>(c, count, op);
      check_one_reduce_scatter<BFloat16>(c, count, op);
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
      check_one_broadcast<BFloat16>(c, count, root);
    }
  check_one_broadcast<float>(c, kLargeCount, c.size() - 1);
}

// Nobody leaves before the last has entered. (steady_clock is one clock for all processes of a host.)
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

// Inputs whose sums round.
template <class T>
std::vector<T> normal_inputs(int rank, int64_t count) {
  std::vector<float> normal(count);
  fill_normal(normal, 11, rank, 1.0f);
  std::vector<T> values(count);
  for (int64_t i = 0; i < count; ++i)
    if constexpr (std::same_as<T, BFloat16>)
      values[i] = to_bfloat16(normal[i]);
    else
      values[i] = normal[i];
  return values;
}

// The same bits on every rank, and again for the same inputs.
template <class T>
void check_same_bits_of(Communicator& c) {
  for (int64_t count : {1, 7, 1000, 100003}) {
    std::vector<T> values = normal_inputs<T>(c.rank(), count), again = values;
    c.all_reduce<T>(values).wait();
    c.all_reduce<T>(again).wait();
    std::vector<T> all(count * c.size());
    c.all_gather<T>(values, all).wait();
    const size_t bytes = count * sizeof(T);
    expect(std::memcmp(again.data(), values.data(), bytes) == 0, c, "a second sum has other bits");
    for (int r = 0; r < c.size(); ++r)
      expect(std::memcmp(all.data() + r * count, values.data(), bytes) == 0, c,
             "the ranks' sums differ in bits");
  }
}

void check_same_bits(Communicator& c) {
  check_same_bits_of<float>(c);
  check_same_bits_of<double>(c);
  check_same_bits_of<BFloat16>(c);
}

// reduce_scatter sums in the order of the ranks, on every implementation.
template <class T>
void check_order_of_sums_of(Communicator& c) {
  const int64_t count = 1001;
  std::vector<T> expected = normal_inputs<T>(0, count * c.size()), mine(count);
  for (int r = 1; r < c.size(); ++r) {
    const std::vector<T> all = normal_inputs<T>(r, count * c.size());
    combine(expected.data(), all.data(), std::ssize(all), data_type_of<T>(), ReduceOp::kSum);
  }
  c.reduce_scatter<T>(normal_inputs<T>(c.rank(), count * c.size()), mine).wait();
  expect(std::memcmp(mine.data(), expected.data() + c.rank() * count, count * sizeof(T)) == 0, c,
         "reduce_scatter sums in another order");
}

void check_order_of_sums(Communicator& c) {
  check_order_of_sums_of<float>(c);
  check_order_of_sums_of<double>(c);
  check_order_of_sums_of<BFloat16>(c);
}

// 257 and 259 lie between two numbers of bfloat16: the even one is taken, in whatever order the ranks are summed.
void check_rounding_of_bfloat16(Communicator& c) {
  const auto mine = [&](float first, float second) {
    return to_bfloat16(c.rank() == 0 ? first : c.rank() == 1 ? second : 0.0f);
  };
  std::array<BFloat16, 2> sums = {mine(256, 1), mine(256, 3)};
  c.all_reduce(std::span<BFloat16>(sums)).wait();
  const std::array<float, 2> expected = {256, c.size() == 1 ? 256.0f : 260.0f};
  for (size_t i = 0; i < sums.size(); ++i)
    expect(to_float(sums[i]) == expected[i], c,
           fmt::format("a sum of bfloat16 is {} instead of {}", to_float(sums[i]), expected[i]));
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

constexpr ConformanceCheck kOperationChecks[] = {
    {"AllGather", check_all_gather},
    {"AllReduce", check_all_reduce},
    {"ReduceScatter", check_reduce_scatter},
    {"Broadcast", check_broadcast},
    {"Barrier", check_barrier},
    {"SameBits", check_same_bits},
    {"OrderOfSums", check_order_of_sums},
    {"RoundingOfBFloat16", check_rounding_of_bfloat16},
    {"WrongSizes", check_wrong_sizes},
};

}  // namespace

std::span<const ConformanceCheck> operation_checks() { return kOperationChecks; }

}  // namespace partialfc
