#include "partialfc/comm/mpi_watch.h"

#include <algorithm>
#include <set>

namespace partialfc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kTick(100);
constexpr seconds kTimeToEnd(5);
// Waits longer than this are told of, however long the time-out is.
constexpr std::chrono::minutes kLongestSilentWait(10);

}  // namespace

MpiWatch::MpiWatch(MpiEngine& engine)
    : engine_(engine),
      heartbeat_(engine.options().heartbeat),
      long_wait_(std::min<milliseconds>(engine.options().timeout / 3, kLongestSilentWait)),
      own_(Clock::now()),
      silence_(engine.neighbours().size(), Standstill(Clock::now())),
      thread_([this] { run(); }) {}

MpiWatch::~MpiWatch() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
    wake_.notify_one();
  }
  thread_.join();
}

void MpiWatch::run() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kTick, [this] { return ending_; })) {
    lock.unlock();
    try {
      look(Clock::now());
    } catch (const Error&) {
      // The engine has been stopped, or its lock is not to be had: the next look will see.
    }
    lock.lock();
  }
}

void MpiWatch::look(Clock::time_point now) {
  if (const std::string why = engine_.why_lost(); !why.empty()) return end_after_loss(why, now);
  if (heartbeat_.count() > 0) look_for_a_loss(now);
  if (engine_.options().on_long_wait) look_for_long_waits(now);
}

void MpiWatch::look_for_a_loss(Clock::time_point now) {
  const int64_t rounds = engine_.rounds();
  const auto stuck = own_.look(rounds, now);
  if (stuck >= heartbeat_) {
    return engine_.declare_lost(fmt::format("rank {} on host {} has been in one MPI call for {:.0f} s",
                                            engine_.rank(), engine_.host_of(engine_.rank()),
                                            stuck.count() / 1e3));
  }
  if (stuck.count() > 0) return;  // beats that have come are not taken in
  for (size_t i = 0; i < silence_.size(); ++i) {
    const auto silent = silence_[i].look(engine_.beats_of(static_cast<int>(i)), now);
    if (silent < heartbeat_) continue;
    const int rank = engine_.neighbours()[i];
    engine_.declare_lost(fmt::format(
        "rank {} on host {} has not been heard of for {:.0f} s: dead, stopped, failed or cut off; {}", rank,
        engine_.host_of(rank), silent.count() / 1e3, explain_waits(ask_all_but(rank))));
  }
}

void MpiWatch::end_after_loss(const std::string& why, Clock::time_point now) {
  if (!lost_since_) lost_since_ = now;
  if (now - *lost_since_ < kTimeToEnd || told_loss_) return;
  told_loss_ = true;
  if (engine_.options().on_lost) engine_.options().on_lost(why);
}

void MpiWatch::look_for_long_waits(Clock::time_point now) {
  engine_.report_long_wait(long_wait_);
  if (!engine_.take_long_wait() || now - last_explained_ < long_wait_ / 2) return;
  last_explained_ = now;
  engine_.options().on_long_wait(
      fmt::format("no progress for {:.0f} s: {}", long_wait_.count() / 1e3, explain_waits(ask_all_but(-1))));
}

// Asks about the channels that this rank or another waits in; about a second one only those that answered.
GroupState MpiWatch::ask_all_but(int rank) {
  GroupState state;
  std::vector<int> ranks;
  for (int r = 0; r < engine_.size(); ++r)
    if (r != rank) ranks.push_back(r);
  const auto ask_about = [&](int channel) {
    const auto answers = engine_.ask(channel, ranks);
    GroupState::Channel& asked = state.channels[channel];
    asked.name = engine_.name_of_channel(channel);
    for (const auto& answer : answers)
      asked.positions.push_back(answer ? std::optional(answer->position) : std::nullopt);
    return answers;
  };
  const auto first_answers = ask_about(0);
  ranks.clear();
  for (const auto& answer : first_answers) {
    state.waits.push_back(answer ? std::optional(answer->wait) : std::nullopt);
    if (answer) ranks.push_back(static_cast<int>(state.waits.size()) - 1);
  }
  std::set<int> channels;
  for (const auto& wait : state.waits)
    if (wait && wait->channel >= 0) channels.insert(wait->channel);
  for (const int channel : channels)
    if (!state.channels.contains(channel)) ask_about(channel);
  return state;
}

}  // namespace partialfc
