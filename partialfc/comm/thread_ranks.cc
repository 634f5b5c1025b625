#include "partialfc/comm/thread_ranks.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include "partialfc/base/host_name.h"
#include "partialfc/base/trace.h"
#include "partialfc/comm/delay.h"
#include "partialfc/comm/host_collective.h"

namespace partialfc {
namespace {

// Thrown in a rank because of another one; never reported in place of that one's own exception.
class PeerFailure : public Error {
 public:
  using Error::Error;
};

// What all channels share: one lock, and how each rank ended.
struct World {
  World(int size, Communicator::Options options) : size(size), timeout(options.timeout), ended(size) {}

  // Locked by the caller.
  void stop(std::string why) {
    if (stopped.empty()) stopped = std::move(why);
    changed.notify_all();
  }
  void throw_if_stopped() const {
    if (!stopped.empty()) throw PeerFailure(stopped);
  }

  const int size;
  const std::chrono::milliseconds timeout;
  const std::string host = host_name();
  std::mutex mutex;  // guards all below, and what the channels hold
  std::condition_variable changed;
  std::string stopped;      // why no operation starts or finishes any more; empty while all is well
  std::vector<bool> ended;  // (size)
  std::exception_ptr error;
  bool error_is_a_peers = false;
};

// One operation on its way: the calls of the ranks that have arrived.
struct Round {
  explicit Round(int size, int first_rank) : calls(size), began(size), first_rank(first_rank) {}

  std::vector<CollectiveCall> calls;  // (size)
  std::vector<int64_t> began;         // (size), as TraceLane::begin()
  int first_rank = 0;
  int arrived = 0;
  bool done = false;
};

// What the ranks share of one channel.
struct Channel {
  Channel(std::shared_ptr<World> world, std::string name)
      : world(std::move(world)), name(std::move(name)), positions(this->world->size) {
    for (int rank = 0; rank < this->world->size; ++rank) lanes.emplace_back(rank, "comm " + this->name);
  }

  const std::shared_ptr<World> world;
  const std::string name;
  std::vector<Position> positions;                   // (size)
  std::map<int64_t, std::shared_ptr<Round>> rounds;  // by number: those that wait for a rank
  std::vector<std::shared_ptr<Channel>> opened;      // in the order of open_channel
  std::vector<TraceLane> lanes;                      // (size)
};

// One rank's wait for an operation: until when, and what it says then. Under the world's lock.
class Waiting {
 public:
  Waiting(std::shared_ptr<Channel> channel, int rank, int64_t number, const CollectiveCall& call)
      : channel_(std::move(channel)), rank_(rank), number_(number), call_(call) {}

  std::chrono::steady_clock::time_point deadline() {
    if (!deadline_) deadline_ = std::chrono::steady_clock::now() + channel_->world->timeout;
    return *deadline_;
  }
  bool awaits_an_ended_rank() const {
    const World& world = *channel_->world;
    for (int r = 0; r < world.size; ++r)
      if (world.ended[r] && channel_->positions[r].started < number_) return true;
    return false;
  }
  std::string operation_text() const {
    return fmt::format("{} (#{} of channel {})", describe(call_), number_, channel_->name);
  }
  void throw_if_hopeless() {
    const World& world = *channel_->world;
    world.throw_if_stopped();
    if (!awaits_an_ended_rank() && std::chrono::steady_clock::now() < deadline()) return;
    std::vector<std::optional<Position>> positions(channel_->positions.begin(), channel_->positions.end());
    for (int r = 0; r < world.size; ++r) positions[r]->ended = world.ended[r];
    const Awaited awaited{channel_->name, rank_, number_, call_};
    if (awaits_an_ended_rank()) fail("{}: {}", describe(awaited), explain_delay(awaited, positions));
    throw TimeoutError(describe_timeout(awaited, world.timeout, positions));
  }

 private:
  const std::shared_ptr<Channel> channel_;
  const int rank_;
  const int64_t number_;
  const CollectiveCall call_;
  std::optional<std::chrono::steady_clock::time_point> deadline_;
};

class ThreadWatch : public Watch {
 public:
  ThreadWatch(std::shared_ptr<World> world, Waiting waiting)
      : world_(std::move(world)), waiting_(std::move(waiting)) {}
  void check() override {
    std::lock_guard lock(world_->mutex);
    waiting_.throw_if_hopeless();
  }

 private:
  const std::shared_ptr<World> world_;
  Waiting waiting_;
};

class ThreadOperation : public Request::Operation {
 public:
  ThreadOperation(std::shared_ptr<World> world, std::shared_ptr<Round> round, int rank, Waiting waiting)
      : world_(std::move(world)), round_(std::move(round)), rank_(rank), waiting_(std::move(waiting)) {}

  ~ThreadOperation() override {
    std::unique_lock lock(world_->mutex);
    if (complete())
      wait_for_the_work(lock);
    else
      world_->stop(fmt::format("rank {} failed before {} was finished", rank_, waiting_.operation_text()));
  }

  bool finished() override {
    std::unique_lock lock(world_->mutex);
    if (!complete()) waiting_.throw_if_hopeless();
    return round_->done;
  }

  void wait() override {
    std::unique_lock lock(world_->mutex);
    world_->changed.wait_until(lock, waiting_.deadline(), [&] {
      return complete() || !world_->stopped.empty() || waiting_.awaits_an_ended_rank();
    });
    if (!complete()) waiting_.throw_if_hopeless();
    wait_for_the_work(lock);
  }

 private:
  // All under the world's lock.
  bool complete() const { return round_->arrived == world_->size; }
  void wait_for_the_work(std::unique_lock<std::mutex>& lock) {
    world_->changed.wait(lock, [&] { return round_->done; });
  }

  const std::shared_ptr<World> world_;
  const std::shared_ptr<Round> round_;
  const int rank_;
  Waiting waiting_;
};

class ThreadCommunicator : public Communicator {
 public:
  ThreadCommunicator(std::shared_ptr<Channel> channel, int rank)
      : Communicator(channel->name), channel_(std::move(channel)), rank_(rank) {}

  int rank() const override { return rank_; }
  int size() const override { return channel_->world->size; }
  int ranks_on_host() const override { return size(); }
  const std::string& host_of(int) const override { return channel_->world->host; }
  std::unique_ptr<Watch> watch(const CollectiveCall& call) override;

 protected:
  Request start(const CollectiveCall& call) override;
  std::unique_ptr<Communicator> duplicate(const std::string& name) override;

 private:
  // The number of this rank's next operation. Under the world's lock.
  int64_t begin(const CollectiveCall& call) {
    channel_->world->throw_if_stopped();
    channel_->positions[rank_].last = call;
    return ++channel_->positions[rank_].started;
  }

  const std::shared_ptr<Channel> channel_;
  const int rank_;
  size_t opened_ = 0;  // channels that this rank has opened from here
};

std::unique_ptr<Watch> ThreadCommunicator::watch(const CollectiveCall& call) {
  std::lock_guard lock(channel_->world->mutex);
  return std::make_unique<ThreadWatch>(channel_->world, Waiting(channel_, rank_, begin(call), call));
}

Request ThreadCommunicator::start(const CollectiveCall& call) {
  World& world = *channel_->world;
  std::unique_lock lock(world.mutex);
  const int64_t number = begin(call);

  auto& slot = channel_->rounds[number];
  if (!slot) slot = std::make_shared<Round>(size(), rank_);
  const std::shared_ptr<Round> round = slot;
  const CollectiveCall& peers = round->calls[round->first_rank];
  PFC_CHECK(round->arrived == 0 || same_operation(call, peers),
            "#{} of channel {}: rank {} calls {}, rank {} called {}", number, name(), rank_, describe(call),
            round->first_rank, describe(peers));
  round->calls[rank_] = call;
  round->began[rank_] = TraceLane::begin();
  if (++round->arrived < size())
    return Request(std::make_unique<ThreadOperation>(channel_->world, round, rank_,
                                                     Waiting(channel_, rank_, number, call)));

  channel_->rounds.erase(number);
  lock.unlock();
  perform(round->calls);
  lock.lock();
  round->done = true;
  for (int r = 0; r < size(); ++r)
    channel_->lanes[r].add_in_turn(name_of(call.collective), round->began[r], call.bytes());
  world.changed.notify_all();
  return {};
}

std::unique_ptr<Communicator> ThreadCommunicator::duplicate(const std::string& name) {
  std::lock_guard lock(channel_->world->mutex);
  auto& opened = channel_->opened;
  if (opened.size() == opened_) opened.push_back(std::make_shared<Channel>(channel_->world, name));
  return std::make_unique<ThreadCommunicator>(opened[opened_++], rank_);
}

// Records how a rank ended: by the exception that is being handled.
void record_failure(World& world, int rank, bool is_a_peers, const char* reason) {
  std::lock_guard lock(world.mutex);
  if (!world.error || (world.error_is_a_peers && !is_a_peers)) {
    world.error = std::current_exception();
    world.error_is_a_peers = is_a_peers;
  }
  world.stop(fmt::format("rank {} failed: {}", rank, reason));
}

void run_rank(const std::shared_ptr<World>& world, const std::shared_ptr<Channel>& channel, int rank,
              const std::function<void(Communicator&)>& body) {
  try {
    ThreadCommunicator communicator(channel, rank);
    body(communicator);
    std::lock_guard lock(world->mutex);
    world->ended[rank] = true;
    world->changed.notify_all();
  } catch (const PeerFailure& failure) {
    record_failure(*world, rank, true, failure.what());
  } catch (const std::exception& exception) {
    record_failure(*world, rank, false, exception.what());
  } catch (...) {
    record_failure(*world, rank, false, "unknown exception");
  }
}

}  // namespace

void run_ranks(int size, const std::function<void(Communicator&)>& body, Communicator::Options options) {
  if (size < 1) fail_usage("{} ranks asked for: at least 1 is needed", size);
  options.check();
  const auto world = std::make_shared<World>(size, options);
  const auto channel = std::make_shared<Channel>(world, "world");
  {
    std::vector<std::jthread> threads;
    try {
      for (int rank = 1; rank < size; ++rank)
        threads.emplace_back([&, rank] { run_rank(world, channel, rank, body); });
    } catch (const std::system_error& error) {
      record_failure(*world, static_cast<int>(threads.size()) + 1, false, error.what());
    }
    run_rank(world, channel, 0, body);
  }
  if (world->error) std::rethrow_exception(world->error);
}

}  // namespace partialfc
