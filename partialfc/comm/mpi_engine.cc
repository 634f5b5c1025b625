#include "partialfc/comm/mpi_engine.h"

#include <algorithm>

#include "partialfc/comm/heartbeat.h"
#include "partialfc/comm/mpi_watch.h"

namespace partialfc {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;
using std::chrono::milliseconds;

// Between two rounds of the progress thread, with operations under way and without.
constexpr microseconds kBusyInterval(50);
constexpr milliseconds kIdleInterval(20);
// How long a waiting rank polls without a pause, and the pause after that.
constexpr microseconds kPollTime(200);
constexpr microseconds kPollPause(10);

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
  MpiChannel channel{.name = name, .lane = std::make_unique<TraceLane>(rank_, "comm " + name)};
  MpiPending opening{.call = {Collective::kOpenChannel}};
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

std::shared_ptr<MpiPending> MpiEngine::begin(int channel_index, const CollectiveCall& call) {
  throw_if_stopped();
  PFC_CHECK(!ended_, "{} after the end of the MPI session", describe(call));
  MpiChannel& channel = channels_[channel_index];
  channel.position.started += 1;
  channel.position.last = call;
  auto pending = std::make_shared<MpiPending>();
  pending->channel = channel_index;
  pending->number = channel.position.started;
  pending->call = call;
  pending->lane = channel.lane.get();
  pending->began = TraceLane::begin();
  return pending;
}

std::shared_ptr<MpiPending> MpiEngine::start(int channel, const CollectiveCall& call,
                                             MpiPending::Scratch scratch,
                                             const std::function<int(MPI_Comm, MPI_Request*)>& issue) {
  std::lock_guard lock(mutex_);
  auto pending = begin(channel, call);
  pending->scratch = std::move(scratch);
  check_mpi(issue(channels_[channel].communicator, &pending->request), name_of(call.collective));
  pending_.push_back(pending);
  if (pending_.size() == 1) wake_.notify_one();
  return pending;
}

std::shared_ptr<MpiPending> MpiEngine::watch(int channel, const CollectiveCall& call) {
  std::lock_guard lock(mutex_);
  auto pending = begin(channel, call);
  pending->watched = true;
  pending_.push_back(pending);
  return pending;
}

void MpiEngine::finish(MpiPending& pending) {
  std::lock_guard lock(mutex_);
  set_done(pending);
}

bool MpiEngine::finished(MpiPending& pending) {
  std::lock_guard lock(mutex_);
  if (!pending.done) {
    if (!pending.waited_since) pending.waited_since = Clock::now();
    throw_if_stopped(&pending);
    test(pending);
  }
  return pending.done;
}

bool MpiEngine::wait_for(MpiPending& pending, Clock::time_point deadline) {
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

void MpiEngine::stop(const std::string& why) {
  std::lock_guard lock(mutex_);
  if (stopped_.empty()) stopped_ = why;
}

void MpiEngine::abandon(const MpiPending& pending, const std::string& why) {
  std::lock_guard lock(mutex_);
  if (!pending.done && stopped_.empty()) stopped_ = why;
}

bool MpiEngine::close() {
  bool all_closed = false;
  try {
    MpiPending barrier;
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
  for (MpiChannel& channel : channels_) MPI_Comm_free(&channel.communicator);
  types_.free();
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

void MpiEngine::throw_if_stopped(const MpiPending* waited_for) const {
  if (stopped_.empty()) return;
  if (stopped_ != loss_.why()) throw Error(stopped_);
  if (!waited_for || waited_for->channel < 0) throw LostRankError(stopped_);
  throw LostRankError(fmt::format("{}; rank {} has waited {:.0f} s for {} (#{} of channel {})", stopped_,
                                  rank_, waited_for->seconds_waited(), describe(waited_for->call),
                                  waited_for->number, channels_[waited_for->channel].name));
}

void MpiEngine::test(MpiPending& pending) {
  if (pending.watched) return;
  int flag = 0;
  check_mpi(MPI_Test(&pending.request, &flag, MPI_STATUS_IGNORE), "MPI_Test");
  if (flag != 0) set_done(pending);
}

void MpiEngine::set_done(MpiPending& pending) {
  pending.done = true;
  pending.scratch.reset();
  if (pending.lane)
    pending.lane->add_in_turn(name_of(pending.call.collective), pending.began, pending.call.bytes());
}

void MpiEngine::advance() {
  for (const auto& pending : pending_)
    if (!pending->done) test(*pending);
  std::erase_if(pending_, [](const auto& pending) { return pending->done; });
  status_.retire_sent();
  while (const auto message = status_.receive()) receive(*message);
  if (options_.heartbeat.count() > 0) beat();
  pass_on_loss();
}

}  // namespace partialfc
