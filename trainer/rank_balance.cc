#include "trainer/rank_balance.h"

#include <fmt/format.h>

#include <algorithm>

namespace partialfc {

namespace {

constexpr double kWorthNaming = 0.1;

}  // namespace

RankBalance rank_balance(std::span<const double> waited, std::span<const double> seconds) {
  RankBalance balance;
  for (size_t rank = 0; rank < waited.size(); ++rank)
    balance.waits.push_back(seconds[rank] > 0 ? std::clamp(waited[rank] / seconds[rank], 0.0, 1.0) : 0.0);
  const auto least = std::min_element(balance.waits.begin(), balance.waits.end());
  balance.slowest = static_cast<int>(least - balance.waits.begin());
  double next = 1;
  for (auto wait = balance.waits.begin(); wait != balance.waits.end(); ++wait)
    if (wait != least) next = std::min(next, *wait);
  balance.cost = next - *least;
  return balance;
}

std::string describe(const RankBalance& balance) {
  const auto [least, most] = std::minmax_element(balance.waits.begin(), balance.waits.end());
  std::string text =
      fmt::format("ranks waited for each other {:.0f} % to {:.0f} % of the time", 100 * *least, 100 * *most);
  if (balance.cost > kWorthNaming)
    text += fmt::format("; rank {} is the slowest: without it a step could be {:.0f} % shorter",
                        balance.slowest, 100 * balance.cost);
  return text;
}

}  // namespace partialfc
