// Why an operation does not finish: what each rank has started so far, put into words.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "partialfc/comm/collective.h"

namespace partialfc {

// How far one rank has come on one channel.
struct Position {
  int64_t started = 0;  // operations started, the first being #1
  CollectiveCall last;  // the last of them
  bool ended = false;   // the rank has left the group
};

// The operation that a rank has waited for longest, as it says itself.
struct Wait {
  int channel = -1;  // index; −1: it waits for no rank
  int64_t number = 0;
  CollectiveCall call;
  double seconds = 0;
};

// What a rank says of itself.
struct RankState {
  Position position;  // on the channel that was asked about
  Wait wait;
};

// What all ranks do; of a rank that does not answer nothing is known.
struct GroupState {
  struct Channel {
    std::string name;
    std::vector<std::optional<Position>> positions;  // (ranks)
  };
  std::vector<std::optional<Wait>> waits;  // (ranks)
  std::map<int, Channel> channels;         // at least those that a rank waits in
};

// An operation that a rank waits for.
struct Awaited {
  const std::string& channel;
  int rank;        // who waits
  int64_t number;  // the operation's, on the channel
  CollectiveCall call;
};

// "rank 0 waits for all_reduce(sum) of 64 float32 (#17 of channel head)"
std::string describe(const Awaited& awaited);

// The ranks that keep the operation from finishing, each with what it did last; positions[r] is empty where rank r does
// not answer: "rank 2 has not started it: its last was barrier (#16); rank 3 does not answer (stopped or dead)".
std::string explain_delay(const Awaited& awaited, std::span<const std::optional<Position>> positions);

// Who waits for whom: "ranks 0, 2 wait for rank 1 in all_reduce(sum) of 64 float32 (#17 of channel head); rank 1 waits
// for no rank: computing, reading or writing, or held in a debugger".
std::string explain_waits(const GroupState& state);

// The whole message of a TimeoutError.
std::string describe_timeout(const Awaited& awaited, std::chrono::milliseconds timeout,
                             std::span<const std::optional<Position>> positions);

}  // namespace partialfc
