#include "partialfc/comm/delay.h"

#include <fmt/format.h>

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

std::string describe_timeout(const Awaited& awaited, std::chrono::milliseconds timeout,
                             std::span<const std::optional<Position>> positions) {
  return fmt::format(
      "{}: not finished after {:g} s: {}. See what that rank was doing; "
      "if it is only slow, give a longer time-out",
      describe(awaited), timeout.count() / 1e3, explain_delay(awaited, positions));
}

}  // namespace partialfc
