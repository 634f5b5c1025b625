#include "measure/link_measurement.h"

#include <fmt/format.h>

#include <algorithm>

namespace partialfc {

namespace {

constexpr int64_t kNumbers = 1 << 20;  // of a rank, in a large gather
constexpr int kWarmUps = 2, kLargeRuns = 7;

}  // namespace

// reduce_scatter is an exchange in pairs.
void talk_to_all(Communicator& world) {
  const std::vector<float> numbers(world.size(), 1.0f);
  float sum = 0;
  world.reduce_scatter(std::span<const float>(numbers), std::span(&sum, 1), ReduceOp::kSum).wait();
}

int64_t bytes_of_large_gather(int ranks) { return (ranks - 1) * kNumbers * int64_t{sizeof(float)}; }

int64_t bytes_of_measurement(int ranks) { return (kWarmUps + kLargeRuns) * bytes_of_large_gather(ranks); }

Link measure_link(Communicator& world) {
  const int rounds = world.size() - 1;
  const auto seconds = [&](int64_t numbers, int runs) {
    std::vector<float> mine(numbers, 1.0f), all(numbers * world.size());
    return median_seconds(world, runs,
                          [&] { world.all_gather(std::span<const float>(mine), std::span(all)).wait(); });
  };
  seconds(kNumbers, kWarmUps);
  const double latency = seconds(1, 21) / rounds, large = seconds(kNumbers, kLargeRuns) / rounds;
  return {.latency = latency,
          .bandwidth = static_cast<double>(kNumbers * sizeof(float)) / std::max(1e-9, large - latency)};
}

std::string link_text(const Link& link) {
  return fmt::format("latency {:.3g} us, bandwidth {:.3g} GB/s", link.latency * 1e6, link.bandwidth * 1e-9);
}

}  // namespace partialfc
