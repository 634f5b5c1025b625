#include "cli/measure_link.h"

#include <fmt/format.h>

namespace partialfc {

Link measure_link(Communicator& world) {
  constexpr int64_t kNumbers = 1 << 20;
  const int rounds = world.size() - 1;
  const auto seconds = [&](int64_t numbers, int runs) {
    std::vector<float> mine(numbers, 1.0f), all(numbers * world.size());
    return median_seconds(world, runs,
                          [&] { world.all_gather(std::span<const float>(mine), std::span(all)).wait(); });
  };
  seconds(kNumbers, 2);  // warms up
  const double latency = seconds(1, 21) / rounds, large = seconds(kNumbers, 7) / rounds;
  return {.latency = latency,
          .bandwidth = static_cast<double>(kNumbers * sizeof(float)) / std::max(1e-9, large - latency)};
}

std::string link_text(const Link& link) {
  return fmt::format("latency {:.3g} us, bandwidth {:.3g} GB/s", link.latency * 1e6, link.bandwidth * 1e-9);
}

}  // namespace partialfc
