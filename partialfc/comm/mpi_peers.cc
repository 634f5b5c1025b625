// The engine's words with its peers: questions about how far they are and the answers, beats, and the word that a rank
// is lost.
#include <algorithm>
#include <numeric>
#include <type_traits>
#include <utility>

#include "partialfc/comm/mpi_engine.h"

namespace partialfc {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using Kind = MpiStatus::Kind;

constexpr milliseconds kAnswerTime(2000);
constexpr milliseconds kRelayTime(300);
constexpr int kBeatsInTime = 10;          // before a rank is taken for lost
constexpr size_t kLongestMessage = 2000;  // bytes: sent at once, without the receiver's consent

struct Question {
  int number = 0;
  int channel = 0;
};
struct Answer {
  int number = 0;
  RankState state;
};

template <class T>
std::string to_bytes(const T& message) {
  static_assert(std::is_trivially_copyable_v<T>);
  return {reinterpret_cast<const char*>(&message), sizeof message};
}

template <class T>
T from_bytes(const std::string& bytes) {
  T message;
  PFC_CHECK(bytes.size() == sizeof message, "a message of {} bytes, expected {}", bytes.size(),
            sizeof message);
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(&message));
  return message;
}

}  // namespace

std::vector<std::optional<RankState>> MpiEngine::ask(int channel, const std::vector<int>& ranks) {
  auto lock = lock_soon();
  throw_if_stopped();
  const int number = ++last_question_;
  Answers& answers = questions_[number];
  answers.resize(size_);
  answers[rank_] = own_state(channel);
  for (const int rank : ranks)
    if (rank != rank_) status_.send(rank, Kind::kQuestion, to_bytes(Question{number, channel}));
  const auto all_here = [&] {
    return std::all_of(ranks.begin(), ranks.end(), [&](int rank) { return answers[rank].has_value(); });
  };
  for (const auto deadline = Clock::now() + kAnswerTime; !all_here() && Clock::now() < deadline;) {
    lock.unlock();
    std::this_thread::sleep_for(milliseconds(1));
    lock = lock_soon();
    throw_if_stopped();
    advance();
  }
  return std::move(questions_.extract(number).mapped());
}

std::vector<std::optional<Position>> MpiEngine::ask_positions(int channel) {
  std::vector<int> all(size_);
  std::iota(all.begin(), all.end(), 0);
  std::vector<std::optional<Position>> positions;
  for (const auto& state : ask(channel, all))
    positions.push_back(state ? std::optional(state->position) : std::nullopt);
  return positions;
}

std::string MpiEngine::name_of_channel(int channel) {
  const auto lock = lock_soon();
  return channel < std::ssize(channels_) ? channels_[channel].name : fmt::format("number {}", channel);
}

void MpiEngine::report_long_wait(milliseconds longest) {
  const auto lock = lock_soon();
  throw_if_stopped();
  const MpiPending* pending = longest_waited_for();
  const auto now = Clock::now();
  if (!pending || now - *pending->waited_since < longest || now - last_long_wait_ < longest) return;
  last_long_wait_ = now;
  if (rank_ == 0)
    long_wait_heard_ = true;
  else
    status_.send(0, Kind::kLongWait, "");
}

bool MpiEngine::take_long_wait() {
  const auto lock = lock_soon();
  return std::exchange(long_wait_heard_, false);
}

void MpiEngine::beat() {
  const auto now = Clock::now();
  if (now - last_beat_ < options_.heartbeat / kBeatsInTime) return;
  last_beat_ = now;
  for (const int rank : neighbours_)
    if (!status_.is_sending_to(rank)) status_.send(rank, Kind::kBeat, "");
}

void MpiEngine::receive(const MpiStatus::Message& message) {
  switch (message.kind) {
    case Kind::kQuestion: {
      const auto question = from_bytes<Question>(message.bytes);
      status_.send(message.from, Kind::kAnswer,
                   to_bytes(Answer{question.number, own_state(question.channel)}));
      break;
    }
    case Kind::kAnswer: {
      const auto answer = from_bytes<Answer>(message.bytes);
      const auto question = questions_.find(answer.number);  // not there: the answer is late
      if (question != questions_.end()) question->second[message.from] = answer.state;
      break;
    }
    case Kind::kBeat:
      for (size_t i = 0; i < neighbours_.size(); ++i)
        if (neighbours_[i] == message.from) ++beats_[i];
      break;
    case Kind::kLongWait:
      long_wait_heard_ = true;
      break;
    case Kind::kLost:
      declare_lost(message.bytes);
      break;
  }
}

// First the neighbours are told; the end of this rank's own MPI calls comes when the word has had time to leave.
void MpiEngine::pass_on_loss() {
  const std::string why = why_lost();
  if (why.empty()) return;
  if (!told_loss_) {
    told_loss_ = Clock::now();
    for (const int rank : neighbours_) status_.send(rank, Kind::kLost, why.substr(0, kLongestMessage));
  } else if (Clock::now() - *told_loss_ >= kRelayTime) {
    stopped_ = why;
  }
}

const MpiPending* MpiEngine::longest_waited_for() const {
  const MpiPending* longest = nullptr;
  for (const auto& pending : pending_) {
    if (pending->done || !pending->waited_since) continue;
    if (!longest || *pending->waited_since < *longest->waited_since) longest = pending.get();
  }
  return longest;
}

// The peer may ask about a channel that this rank has yet to open.
RankState MpiEngine::own_state(int channel) const {
  RankState state;
  if (channel < std::ssize(channels_)) state.position = channels_[channel].position;
  state.position.ended = closing_;
  if (const MpiPending* pending = longest_waited_for())
    state.wait = {pending->channel, pending->number, pending->call, pending->seconds_waited()};
  return state;
}

}  // namespace partialfc
