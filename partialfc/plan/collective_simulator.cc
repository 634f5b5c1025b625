#include "partialfc/plan/collective_simulator.h"

#include <algorithm>
#include <bit>
#include <queue>
#include <tuple>
#include <vector>

#include "partialfc/base/error.h"

namespace partialfc {

namespace {

using Algorithm = CollectiveAlgorithm;

class Simulation {
 public:
  Simulation(const Interconnect& net, int ranks, int rounds,
             const std::function<SimulatedRound(int, int)>& part)
      : net_(net),
        rounds_(rounds),
        part_(part),
        out_free_((ranks + net.ranks_per_host - 1) / net.ranks_per_host, 0.0),
        in_free_(out_free_),
        ranks_(ranks) {
    for (Rank& rank : ranks_) rank.arrivals.assign(rounds, kNotYet);
  }

  double run() {
    for (int rank = 0; rank < std::ssize(ranks_); ++rank) events_.emplace(0.0, rank, 0);
    double end = 0;
    int64_t finished = 0;
    while (!events_.empty()) {
      const auto [time, rank, round] = events_.top();
      events_.pop();
      end = std::max(end, time);
      if (round == rounds_)
        ++finished;
      else
        begin_round(time, rank, round);
    }
    PFC_CHECK(finished == std::ssize(ranks_), "a rank waits for a message that nobody sends");
    return end;
  }

 private:
  static constexpr double kNotYet = -1;

  struct Rank {
    std::vector<double> arrivals;  // (rounds) of the message of that round
    int waiting = -1;              // round whose message it waits for
    double sent = 0;               // when its own message of that round had left
  };

  void begin_round(double now, int rank, int round) {
    const SimulatedRound part = part_(rank, round);
    Rank& me = ranks_[rank];
    me.sent = part.to >= 0 ? send(now, rank, part.to, round, part.bytes) : now;
    if (part.from < 0) return events_.emplace(me.sent, rank, round + 1), void();
    me.waiting = round;
    go_on_if_there(rank);
  }

  // Returns when the last byte has left.
  double send(double now, int from, int to, int round, double bytes) {
    const int here = from / net_.ranks_per_host, there = to / net_.ranks_per_host;
    double left, arrived;
    if (here == there) {
      left = now + bytes / net_.host.bandwidth;
      arrived = left + net_.host.latency;
    } else {
      const double seconds = bytes / net_.network.bandwidth;
      left = out_free_[here] = std::max(now, out_free_[here]) + seconds;
      arrived = in_free_[there] = std::max(left + net_.network.latency, in_free_[there] + seconds);
    }
    ranks_[to].arrivals[round] = arrived;
    go_on_if_there(to);
    return left;
  }

  void go_on_if_there(int rank) {
    Rank& waiter = ranks_[rank];
    if (waiter.waiting < 0 || waiter.arrivals[waiter.waiting] == kNotYet) return;
    events_.emplace(std::max(waiter.sent, waiter.arrivals[waiter.waiting]), rank, waiter.waiting + 1);
    waiter.waiting = -1;
  }

  const Interconnect net_;
  const int rounds_;
  const std::function<SimulatedRound(int, int)>& part_;
  std::vector<double> out_free_, in_free_;  // of a host's links
  std::vector<Rank> ranks_;
  using Event = std::tuple<double, int, int>;  // time, rank, round that it begins then
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
};

SimulatedRound next_neighbour(int rank, int ranks, int distance, double bytes) {
  return {(rank + distance) % ranks, (rank + ranks - distance) % ranks, bytes};
}

int levels(int ranks) { return std::bit_width(static_cast<unsigned>(ranks - 1)); }

// Level `level` of a binomial tree, upwards.
SimulatedRound tree_round(int rank, int ranks, int level, double bytes) {
  const int distance = 1 << level;
  if (rank % (2 * distance) == distance) return {.to = rank - distance, .bytes = bytes};
  if (rank % (2 * distance) == 0 && rank + distance < ranks) return {.from = rank + distance};
  return {};
}

}  // namespace

double simulate(const Interconnect& net, int ranks, int rounds,
                const std::function<SimulatedRound(int rank, int round)>& part) {
  return Simulation(net, ranks, rounds, part).run();
}

double simulate_all_gather(CollectiveAlgorithm algorithm, const Interconnect& net, int ranks, int64_t bytes) {
  const auto message = static_cast<double>(bytes);
  if (algorithm == Algorithm::kRing)
    return simulate(net, ranks, ranks - 1,
                    [&](int rank, int) { return next_neighbour(rank, ranks, 1, message); });
  PFC_CHECK(algorithm == Algorithm::kRecursiveDoubling);
  return simulate(net, ranks, levels(ranks), [&](int rank, int round) {
    return SimulatedRound{rank ^ 1 << round, rank ^ 1 << round, message * (1 << round)};
  });
}

double simulate_all_reduce(CollectiveAlgorithm algorithm, const Interconnect& net, int ranks, int64_t bytes) {
  const auto vector = static_cast<double>(bytes);
  switch (algorithm) {
    case Algorithm::kRing:
      return simulate(net, ranks, 2 * (ranks - 1),
                      [&](int rank, int) { return next_neighbour(rank, ranks, 1, vector / ranks); });
    case Algorithm::kRecursiveDoubling:
      return simulate(net, ranks, levels(ranks), [&](int rank, int round) {
        return SimulatedRound{rank ^ 1 << round, rank ^ 1 << round, vector};
      });
    case Algorithm::kTree:
      return simulate(net, ranks, 2 * levels(ranks), [&](int rank, int round) {
        if (round < levels(ranks)) return tree_round(rank, ranks, round, vector);
        const SimulatedRound up = tree_round(rank, ranks, 2 * levels(ranks) - 1 - round, vector);
        return SimulatedRound{.to = up.from, .from = up.to, .bytes = vector};
      });
    case Algorithm::kPairwise:
      break;
  }
  PFC_CHECK(false, "{} is no all_reduce", name_of(algorithm));
}

double simulate_all_to_all(const Interconnect& net, int ranks, int64_t bytes) {
  return simulate(net, ranks, ranks - 1, [&](int rank, int round) {
    return next_neighbour(rank, ranks, round + 1, static_cast<double>(bytes));
  });
}

}  // namespace partialfc
