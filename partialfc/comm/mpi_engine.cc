#include "partialfc/comm/mpi_engine.h"

#include <algorithm>
#include <numeric>
#include <type_traits>
#include <utility>

#include "partialfc/comm/heartbeat.h"
#include "partialfc/comm/mpi_watch.h"

namespace partialfc {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using Kind = MpiStatus::Kind;

// Between two rounds of the progress thread, with operations under way and without.
constexpr microseconds kBusyInterval(50);
constexpr milliseconds kIdleInterval(20);
// How long a waiting rank polls without a pause, and the pause after that.
constexpr microseconds kPollTime(200);
constexpr microseconds kPollPause(10);
constexpr milliseconds kAnswerTime(2000);
constexpr int kBeatsInTime = 10;          // before a rank is taken for lost
constexpr size_t kLongestMessage = 2000;  // bytes: sent at once, without the receiver's consent

struct Question {
  int number = 0;
  int channel = 0;
};
struct Answer {
  int number = 0;
  MpiEngine::RankState state;
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

double seconds_since(Clock::time_point then) {
  return std::chrono::duration<double>(Clock::now() - then).count();
}

std::vector<std::string> hosts_of_all_ranks(int size) {
  char mine[MPI_MAX_PROCESSOR_NAME] = "";
  int length = 0;
  MPI_Get_processor_name(mine, &length);
  std::vector<char> all(size * sizeof mine);
  check_mpi(MPI_Allgather(mine, sizeof mine, MPI_CHAR, all.data(), sizeof mine, MPI_CHAR, MPI_COMM_WORLD),
            "MPI_Allgather");
  std::vector<std::string> hosts;
  for (int rank = 0; rank < size; ++rank) hosts.emplace_back(all.data() + rank * sizeof mine);
  return hosts;
}

}  // namespace

MpiEngine::MpiEngine(Communicator::Options options) : options_(std::move(options)) {
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  MPI_Comm_size(MPI_COMM_WORLD, &size_);
  MPI_Comm host = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &host),
            "MPI_Comm_split_type");
  MPI_Comm_size(host, &ranks_on_host_);
  MPI_Comm_free(&host);
  hosts_ = hosts_of_all_ranks(size_);
  neighbours_ = heartbeat_neighbours(rank_, size_);
  progress_ = std::thread([this] { run_progress_thread(); });
  if (size_ > 1) watch_ = std::make_unique<MpiWatch>(*this);
}

MpiEngine::~MpiEngine() { end_threads(); }

int MpiEngine::add_channel(const std::string& name) {
  Channel channel{.name = name, .lane = std::make_unique<TraceLane>(rank_, "comm " + name)};
  Pending opening{.call = {Collective::kOpenChannel}};
  {
    std::lock_guard lock(mutex_);
    throw_if_stopped();
    check_mpi(MPI_Comm_idup(MPI_COMM_WORLD, &channel.communicator, &opening.request), "MPI_Comm_idup");
  }
  if (!wait_for(opening, Clock::now() + options_.timeout)) {
    const std::string why = fmt::format("rank {}: channel {} is not open after {:g} s", rank_, name,
                                        options_.timeout.count() / 1e3);
    stop(why);
    throw TimeoutError(why);
  }
  std::lock_guard lock(mutex_);
  channels_.push_back(std::move(channel));
  return static_cast<int>(channels_.size()) - 1;
}

std::shared_ptr<MpiEngine::Pending> MpiEngine::start(
    int channel_index, const CollectiveCall& call, const std::function<int(MPI_Comm, MPI_Request*)>& issue) {
  std::lock_guard lock(mutex_);
  throw_if_stopped();
  PFC_CHECK(!ended_, "{} after the end of the MPI session", describe(call));
  Channel& channel = channels_[channel_index];
  channel.position.started += 1;
  channel.position.last = call;
  auto pending = std::make_shared<Pending>();
  pending->channel = channel_index;
  pending->number = channel.position.started;
  pending->call = call;
  pending->lane = channel.lane.get();
  pending->began = TraceLane::begin();
  check_mpi(issue(channel.communicator, &pending->request), name_of(call.collective));
  pending_.push_back(pending);
  if (pending_.size() == 1) wake_.notify_one();
  return pending;
}

bool MpiEngine::finished(Pending& pending) {
  std::lock_guard lock(mutex_);
  if (!pending.done) {
    if (!pending.waited_since) pending.waited_since = Clock::now();
    throw_if_stopped(&pending);
    test(pending);
  }
  return pending.done;
}

bool MpiEngine::wait_for(Pending& pending, Clock::time_point deadline) {
  const auto begin = Clock::now();
  while (!finished(pending)) {
    const auto now = Clock::now();
    if (now >= deadline) return false;
    if (now - begin > kPollTime) std::this_thread::sleep_for(kPollPause);
  }
  return true;
}

// The lock, for whoever must not hang where another thread hangs in MPI.
std::unique_lock<std::timed_mutex> MpiEngine::lock_soon() {
  std::unique_lock lock(mutex_, std::chrono::seconds(1));
  if (!lock) fail("rank {} has been in one MPI call for more than a second", rank_);
  return lock;
}

std::vector<std::optional<MpiEngine::RankState>> MpiEngine::ask(int channel, const std::vector<int>& ranks) {
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

void MpiEngine::declare_lost(const std::string& why) {
  const auto lock = lock_soon();
  throw_if_stopped();
  tell_lost(why);
}

std::string MpiEngine::why_lost() {
  const auto lock = lock_soon();
  return lost_;
}

void MpiEngine::stop_as_lost() {
  const auto lock = lock_soon();
  if (stopped_.empty()) stopped_ = lost_;
}

void MpiEngine::report_long_wait(milliseconds longest) {
  const auto lock = lock_soon();
  throw_if_stopped();
  const Pending* pending = longest_waited_for();
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

void MpiEngine::stop(const std::string& why) {
  std::lock_guard lock(mutex_);
  if (stopped_.empty()) stopped_ = why;
}

void MpiEngine::abandon(const Pending& pending, const std::string& why) {
  std::lock_guard lock(mutex_);
  if (!pending.done && stopped_.empty()) stopped_ = why;
}

bool MpiEngine::close() {
  bool all_closed = false;
  try {
    Pending barrier;
    {
      std::lock_guard lock(mutex_);
      throw_if_stopped();
      advance();
      PFC_CHECK(pending_.empty(), "the MPI session ends before its operations");
      closing_ = true;
      check_mpi(MPI_Ibarrier(status_.communicator(), &barrier.request), "MPI_Ibarrier");
    }
    all_closed = wait_for(barrier, Clock::time_point::max());
  } catch (const LostRankError& error) {
    if (options_.on_lost) options_.on_lost(error.what());
  } catch (const std::exception& error) {
    stop(error.what());
  }
  end_threads();
  if (!all_closed) return false;
  for (Channel& channel : channels_) MPI_Comm_free(&channel.communicator);
  status_.free();
  return true;
}

void MpiEngine::abort(int exit_code) {
  // If the lock is held for that long, its holder hangs in MPI: end all the same.
  std::unique_lock lock(mutex_, std::chrono::seconds(1));
  MPI_Abort(MPI_COMM_WORLD, exit_code);
  fail("MPI_Abort has returned");
}

void MpiEngine::run_progress_thread() {
  std::unique_lock lock(mutex_);
  while (!ended_) {
    try {
      if (stopped_.empty()) advance();
    } catch (const std::exception& error) {
      stopped_ = error.what();
    }
    ++rounds_;
    if (pending_.empty() || !stopped_.empty()) wake_.wait_for(lock, kIdleInterval);
    lock.unlock();
    std::this_thread::sleep_for(kBusyInterval);
    lock.lock();
  }
}

void MpiEngine::end_threads() {
  watch_.reset();
  if (!progress_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
    wake_.notify_one();
  }
  progress_.join();
}

void MpiEngine::throw_if_stopped(const Pending* waited_for) const {
  if (stopped_.empty()) return;
  if (stopped_ != lost_) throw Error(stopped_);
  if (!waited_for || waited_for->channel < 0) throw LostRankError(lost_);
  throw LostRankError(fmt::format("{}; rank {} has waited {:.0f} s for {} (#{} of channel {})", lost_, rank_,
                                  seconds_since(*waited_for->waited_since), describe(waited_for->call),
                                  waited_for->number, channels_[waited_for->channel].name));
}

void MpiEngine::test(Pending& pending) {
  int flag = 0;
  check_mpi(MPI_Test(&pending.request, &flag, MPI_STATUS_IGNORE), "MPI_Test");
  pending.done = flag != 0;
  if (pending.done && pending.lane)
    pending.lane->add_in_turn(name_of(pending.call.collective), pending.began, pending.call.bytes());
}

void MpiEngine::advance() {
  for (const auto& pending : pending_)
    if (!pending->done) test(*pending);
  std::erase_if(pending_, [](const auto& pending) { return pending->done; });
  status_.retire_sent();
  while (const auto message = status_.receive()) receive(*message);
  if (options_.heartbeat.count() > 0) beat();
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
      tell_lost(message.bytes);
      break;
  }
}

void MpiEngine::tell_lost(const std::string& why) {
  if (!lost_.empty()) return;
  lost_ = why.substr(0, kLongestMessage);
  for (const int rank : neighbours_) status_.send(rank, Kind::kLost, lost_);
}

const MpiEngine::Pending* MpiEngine::longest_waited_for() const {
  const Pending* longest = nullptr;
  for (const auto& pending : pending_) {
    if (pending->done || !pending->waited_since) continue;
    if (!longest || *pending->waited_since < *longest->waited_since) longest = pending.get();
  }
  return longest;
}

// The peer may ask about a channel that this rank has yet to open.
MpiEngine::RankState MpiEngine::own_state(int channel) const {
  RankState state;
  if (channel < std::ssize(channels_)) state.position = channels_[channel].position;
  state.position.ended = closing_;
  if (const Pending* pending = longest_waited_for())
    state.wait = {pending->channel, pending->number, pending->call, seconds_since(*pending->waited_since)};
  return state;
}

}  // namespace partialfc
