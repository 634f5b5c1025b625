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

// n rounds to the next rank. Followed through the ring, a message crosses the network with every p-th hop; the rank at a
// host's end can send no faster than the network takes its messages.
double ring_seconds(const Interconnect& net, int ranks, int rounds, double bytes) {
  if (rounds == 0) return 0;
  const double in_host = message_seconds(net.host, bytes), across = message_seconds(net.network, bytes);
  if (ranks <= net.ranks_per_host) return rounds * in_host;
  const int crossings = (rounds + net.ranks_per_host - 1) / net.ranks_per_host;
  return std::max(crossings * across + (rounds - crossings) * in_host,
                  rounds * bytes / net.network.bandwidth + net.network.latency);
}

// A round of exchanges: how many messages leave each host at once, and whether any stay inside.
struct Round {
  bool inside = true;
  int crossing = 0;
  double bytes = 0;  // of a message
};

// The ranks of a host soon fall into step one behind the other, so that a round takes as long as a message does, or as the
// link is busy with all of them; only once do the last ones wait for the others.
class Rounds {
 public:
  explicit Rounds(const Interconnect& net) : net_(net) {}

  void add(const Round& round) {
    const double in_host = round.inside ? message_seconds(net_.host, round.bytes) : 0;
    const double on_link = round.bytes / net_.network.bandwidth;
    const double across = round.crossing > 0
                              ? std::max(message_seconds(net_.network, round.bytes), round.crossing * on_link)
                              : 0;
    sum_ += std::max(in_host, across);
    if (round.crossing > 0)
      wait_ = std::max(wait_, std::min(net_.network.latency, (round.crossing - 1) * on_link));
  }
  double seconds() const { return sum_ + wait_; }

 private:
  const Interconnect& net_;
  double sum_ = 0, wait_ = 0;
};

// Every rank sends to the one `distance` further.
Round shift(const Interconnect& net, int ranks, int distance, double bytes) {
  if (ranks <= net.ranks_per_host) return {.bytes = bytes};
  const int crossing = std::min({distance, net.ranks_per_host, ranks - distance});
  return {.inside = crossing < net.ranks_per_host, .crossing = crossing, .bytes = bytes};
}

// Every rank exchanges with the one whose number differs in the bit `distance`.
Round exchange(const Interconnect& net, int distance, double bytes) {
  const bool inside = distance < net.ranks_per_host;
  return {.inside = inside, .crossing = inside ? 0 : net.ranks_per_host, .bytes = bytes};
}

bool are_powers_of_two(const Interconnect& net, int ranks) {
  return std::has_single_bit(static_cast<unsigned>(ranks)) &&
         (ranks <= net.ranks_per_host || std::has_single_bit(static_cast<unsigned>(net.ranks_per_host)));
}

// The way of rank r's message up a binomial tree, or of the one for it down from rank 0: a hop for each bit of r that is
// set. Down, a rank that holds the vector has to send it to the farther ranks first.
double tree_path(const Interconnect& net, int ranks, int r, double bytes, bool down) {
  double seconds = 0;
  for (int distance = 1; distance < ranks; distance *= 2) {
    const int above = r & -2 * distance;  // r without this bit and those below
    const bool inside = above / net.ranks_per_host == (above + distance) / net.ranks_per_host;
    const Link& link = inside ? net.host : net.network;
    if ((r & distance) != 0)
      seconds += message_seconds(link, bytes);
    else if (down && (r & (distance - 1)) != 0 && above + distance < ranks)
      seconds += bytes / link.bandwidth;
  }
  return seconds;
}

double tree_seconds(const Interconnect& net, int ranks, double bytes) {
  double up = 0, down = 0;
  for (int r = 1; r < ranks; ++r) {
    up = std::max(up, tree_path(net, ranks, r, bytes, false));
    down = std::max(down, tree_path(net, ranks, r, bytes, true));
  }
  return up + down;
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
  if (algorithm == Algorithm::kRing) return ring_seconds(net, ranks, ranks - 1, part);
  if (algorithm != Algorithm::kRecursiveDoubling || !are_powers_of_two(net, ranks)) return kNever;
  Rounds rounds(net);
  for (int distance = 1; distance < ranks; distance *= 2)
    rounds.add(exchange(net, distance, distance * part));
  return rounds.seconds();
}

double all_reduce_seconds(CollectiveAlgorithm algorithm, const Interconnect& net, int ranks, int64_t bytes) {
  const auto vector = static_cast<double>(bytes);
  if (algorithm == Algorithm::kRing) return ring_seconds(net, ranks, 2 * (ranks - 1), vector / ranks);
  if (algorithm == Algorithm::kTree) return tree_seconds(net, ranks, vector);
  if (algorithm != Algorithm::kRecursiveDoubling || !are_powers_of_two(net, ranks)) return kNever;
  Rounds rounds(net);
  for (int distance = 1; distance < ranks; distance *= 2) rounds.add(exchange(net, distance, vector));
  return rounds.seconds();
}

double all_to_all_seconds(const Interconnect& net, int ranks, int64_t bytes) {
  Rounds rounds(net);
  for (int distance = 1; distance < ranks; ++distance)
    rounds.add(shift(net, ranks, distance, static_cast<double>(bytes)));
  return rounds.seconds();
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
