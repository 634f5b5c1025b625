#include "partialfc/comm/delay.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <tuple>

namespace partialfc {
namespace {

// What rank `position`'s owner has to do with the delay; empty if it has done its part.
std::string blame(const Awaited& awaited, const std::optional<Position>& position) {
  if (!position) return "does not answer (stopped, dead or already failed)";
  if (position->started < awaited.number) {
    const std::string last =
        position->started == 0
            ? "it has started nothing on this channel"
            : fmt::format("its last was {} (#{})", describe(position->last), position->started);
    return fmt::format("{} it: {}", position->ended ? "has ended without starting" : "has not started", last);
  }
  if (position->started == awaited.number && !same_operation(position->last, awaited.call)) {
    return fmt::format("has started {} in its place", describe(position->last));
  }
  return "";
}

// "rank 1", "ranks 0, 2, 4-7"
std::string name_ranks(const std::vector<int>& ranks) {
  std::vector<std::string> runs;
  for (size_t first = 0; first < ranks.size();) {
    size_t last = first;
    while (last + 1 < ranks.size() && ranks[last + 1] == ranks[last] + 1) ++last;
    if (last < first + 2) last = first;
    runs.push_back(last == first ? fmt::format("{}", ranks[first])
                                 : fmt::format("{}-{}", ranks[first], ranks[last]));
    first = last + 1;
  }
  return fmt::format("rank{} {}", ranks.size() == 1 ? "" : "s", fmt::join(runs, ", "));
}

const char* s_if_one(const std::vector<int>& ranks) { return ranks.size() == 1 ? "s" : ""; }

// The ranks that keep `wait` from its end.
std::vector<int> awaited_ranks(const GroupState::Channel& channel, int waiting_rank, const Wait& wait) {
  std::vector<int> ranks;
  for (int rank = 0; rank < std::ssize(channel.positions); ++rank)
    if (!blame({channel.name, waiting_rank, wait.number, wait.call}, channel.positions[rank]).empty())
      ranks.push_back(rank);
  return ranks;
}

// Clauses about the ranks that wait for others, those in one operation together.
std::vector<std::string> explain_each_wait(const GroupState& state) {
  std::map<std::tuple<int, int64_t, std::string>, std::vector<int>> waiting;  // by channel, number, operation
  for (int rank = 0; rank < std::ssize(state.waits); ++rank)
    if (const auto& wait = state.waits[rank]; wait && wait->channel >= 0)
      waiting[{wait->channel, wait->number, describe(wait->call)}].push_back(rank);
  std::vector<std::string> clauses;
  for (const auto& [where, ranks] : waiting) {
    const auto& [channel_index, number, operation] = where;
    const GroupState::Channel& channel = state.channels.at(channel_index);
    const std::vector<int> awaited = awaited_ranks(channel, ranks[0], *state.waits[ranks[0]]);
    clauses.push_back(
        fmt::format("{} wait{} for {} in {} (#{} of channel {})", name_ranks(ranks), s_if_one(ranks),
                    awaited.empty() ? "a message, as every rank has started it," : name_ranks(awaited),
                    operation, number, channel.name));
  }
  return clauses;
}

}  // namespace

std::string describe(const Awaited& awaited) {
  return fmt::format("rank {} waits for {} (#{} of channel {})", awaited.rank, describe(awaited.call),
                     awaited.number, awaited.channel);
}

std::string explain_delay(const Awaited& awaited, std::span<const std::optional<Position>> positions) {
  std::string text;
  for (size_t rank = 0; rank < positions.size(); ++rank) {
    const std::string reason = blame(awaited, positions[rank]);
    if (!reason.empty()) text += fmt::format("{}rank {} {}", text.empty() ? "" : "; ", rank, reason);
  }
  return text.empty() ? "every rank has started it, so a message is stuck or a rank makes no progress" : text;
}

std::string explain_waits(const GroupState& state) {
  std::vector<std::string> clauses = explain_each_wait(state);
  std::vector<int> silent, busy;
  for (int rank = 0; rank < std::ssize(state.waits); ++rank) {
    if (!state.waits[rank]) silent.push_back(rank);
    if (state.waits[rank] && state.waits[rank]->channel < 0) busy.push_back(rank);
  }
  if (!busy.empty())
    clauses.push_back(
        fmt::format("{} wait{} for no rank: computing, reading or writing, or held in a debugger",
                    name_ranks(busy), s_if_one(busy)));
  if (!silent.empty())
    clauses.push_back(fmt::format("{} do{} not answer", name_ranks(silent), silent.size() == 1 ? "es" : ""));
  return fmt::format("{}", fmt::join(clauses, "; "));
}

std::string describe_timeout(const Awaited& awaited, std::chrono::milliseconds timeout,
                             std::span<const std::optional<Position>> positions) {
  return fmt::format(
      "{}: not finished after {:g} s: {}. See what that rank was doing; "
      "if it is only slow, give a longer time-out",
      describe(awaited), timeout.count() / 1e3, explain_delay(awaited, positions));
}

}  // namespace partialfc
