// What the conformance checks share: inputs whose reductions are known, and one checked call of each operation.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "partialfc/comm/communicator.h"

namespace partialfc::conformance {

inline void expect(bool condition, const Communicator& c, const std::string& what) {
  if (!condition) fail("rank {} of {}: {}", c.rank(), c.size(), what);
}

// Element i of rank's input: small integers, neither monotone in the rank nor in i. Their sum over 8 ranks is below
// 256, so exact in bfloat16 as well.
inline int64_t input(int rank, int64_t i) { return (i * 7 + rank * 5 + (i % 3) * rank) % 31; }

inline int64_t reduced(int size, int64_t i, ReduceOp op) {
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
T element(int64_t value) {
  if constexpr (std::same_as<T, BFloat16>)
    return to_bfloat16(static_cast<float>(value));
  else
    return static_cast<T>(value);
}
template <class T>
double number(T element) {
  if constexpr (std::same_as<T, BFloat16>)
    return to_float(element);
  else
    return static_cast<double>(element);
}

template <class T>
std::vector<T> inputs(int rank, int64_t count) {
  std::vector<T> values(count);
  for (int64_t i = 0; i < count; ++i) values[i] = element<T>(input(rank, i));
  return values;
}

template <class T>
void expect_equal(const Communicator& c, std::span<const T> values, std::span<const T> expected,
                  const std::string& what) {
  for (size_t i = 0; i < values.size(); ++i)
    if (number(values[i]) != number(expected[i]))
      fail("rank {} of {}: {}: element {} of {} is {} instead of {}", c.rank(), c.size(), what, i,
           values.size(), number(values[i]), number(expected[i]));
}

template <class T>
void expect_reduced(const Communicator& c, std::span<const T> values, int64_t first, ReduceOp op,
                    const std::string& what) {
  std::vector<T> expected(values.size());
  for (int64_t i = 0; i < std::ssize(values); ++i) expected[i] = element<T>(reduced(c.size(), first + i, op));
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

}  // namespace partialfc::conformance
