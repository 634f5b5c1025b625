#include "partialfc/plan/collective_model.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "partialfc/base/error.h"

namespace partialfc {

namespace {

using Algorithm = CollectiveAlgorithm;

constexpr double kNever = std::numeric_limits<double>::infinity();

double message_seconds(const Link& link, double bytes) { return link.latency + bytes / link.bandwidth; }

// A round in which `inside` tells whether messages stay in a host, and `crossing` how many leave each host at once.
double round_seconds(const Interconnect& net, bool inside, int crossing, double bytes) {
  const double in_host = inside ? message_seconds(net.host, bytes) : 0;
  const double across = crossing > 0 ? message_seconds(net.network, crossing * bytes) : 0;
  return std::max(in_host, across);
}

// Every rank sends to the one `distance` further.
double shift_seconds(const Interconnect& net, int ranks, int distance, double bytes) {
  if (ranks <= net.ranks_per_host) return round_seconds(net, true, 0, bytes);
  const int crossing = std::min({distance, net.ranks_per_host, ranks - distance});
  return round_seconds(net, crossing < net.ranks_per_host, crossing, bytes);
}

// Every rank exchanges with the one whose number differs in the bit `distance`.
double exchange_seconds(const Interconnect& net, int distance, double bytes) {
  const bool inside = distance < net.ranks_per_host;
  return round_seconds(net, inside, inside ? 0 : net.ranks_per_host, bytes);
}

bool are_powers_of_two(const Interconnect& net, int ranks) {
  return std::has_single_bit(static_cast<unsigned>(ranks)) &&
         (ranks <= net.ranks_per_host || std::has_single_bit(static_cast<unsigned>(net.ranks_per_host)));
}

// Up a binomial tree: ranks that are odd multiples of `distance` send to the one `distance` below. A level stays inside
// the hosts where its pairs do.
double tree_seconds(const Interconnect& net, int ranks, double bytes) {
  double seconds = 0;
  for (int distance = 1; distance < ranks; distance *= 2) {
    const bool inside = ranks <= net.ranks_per_host || net.ranks_per_host % (2 * distance) == 0;
    seconds += round_seconds(net, inside, inside ? 0 : 1, bytes);
  }
  return seconds;
}

CollectiveCost cheapest(auto seconds_by, const auto& algorithms) {
  CollectiveCost best{.seconds = kNever};
  for (const Algorithm algorithm : algorithms)
    if (const double seconds = seconds_by(algorithm); seconds < best.seconds) best = {algorithm, seconds};
  return best;
}

}  // namespace

std::string name_of(CollectiveAlgorithm algorithm) {
  switch (algorithm) {
    case Algorithm::kRing:
      return "ring";
    case Algorithm::kRecursiveDoubling:
      return "recursive_doubling";
    case Algorithm::kTree:
      return "tree";
    case Algorithm::kPairwise:
      return "pairwise";
  }
  PFC_CHECK(false);
}

double all_gather_seconds(CollectiveAlgorithm algorithm, const Interconnect& net, int ranks, int64_t bytes) {
  const auto part = static_cast<double>(bytes);
  if (algorithm == Algorithm::kRing) return (ranks - 1) * shift_seconds(net, ranks, 1, part);
  if (algorithm != Algorithm::kRecursiveDoubling || !are_powers_of_two(net, ranks)) return kNever;
  double seconds = 0;
  for (int distance = 1; distance < ranks; distance *= 2)
    seconds += exchange_seconds(net, distance, distance * part);
  return seconds;
}

double all_reduce_seconds(CollectiveAlgorithm algorithm, const Interconnect& net, int ranks, int64_t bytes) {
  const auto vector = static_cast<double>(bytes);
  if (algorithm == Algorithm::kRing) return 2 * (ranks - 1) * shift_seconds(net, ranks, 1, vector / ranks);
  if (algorithm == Algorithm::kTree) return 2 * tree_seconds(net, ranks, vector);
  if (algorithm != Algorithm::kRecursiveDoubling || !are_powers_of_two(net, ranks)) return kNever;
  double seconds = 0;
  for (int distance = 1; distance < ranks; distance *= 2) seconds += exchange_seconds(net, distance, vector);
  return seconds;
}

double all_to_all_seconds(const Interconnect& net, int ranks, int64_t bytes) {
  double seconds = 0;
  for (int distance = 1; distance < ranks; ++distance)
    seconds += shift_seconds(net, ranks, distance, static_cast<double>(bytes));
  return seconds;
}

CollectiveCost all_gather_cost(const Interconnect& net, int ranks, int64_t bytes) {
  return cheapest([&](Algorithm algorithm) { return all_gather_seconds(algorithm, net, ranks, bytes); },
                  std::array{Algorithm::kRing, Algorithm::kRecursiveDoubling});
}

CollectiveCost all_reduce_cost(const Interconnect& net, int ranks, int64_t bytes) {
  return cheapest([&](Algorithm algorithm) { return all_reduce_seconds(algorithm, net, ranks, bytes); },
                  std::array{Algorithm::kRing, Algorithm::kRecursiveDoubling, Algorithm::kTree});
}

CollectiveCost reduce_scatter_cost(const Interconnect& net, int ranks, int64_t bytes) {
  return {Algorithm::kPairwise, all_to_all_seconds(net, ranks, bytes)};
}

}  // namespace partialfc
