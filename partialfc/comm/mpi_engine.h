// What moves MPI operations on: the lock round all MPI calls, and the progress thread. Internal to comm/.
//
// MPI moves a non-blocking collective on inside MPI calls alone. So the progress thread tests what is under way every
// kBusyInterval, and a waiting rank tests its own operation: without a pause for kPollTime, then with short sleeps. It
// does not yield: on a busy core sched_yield gives away a whole time slice (3 ms measured, for 15 us of work).
//
// The progress thread also sends and hears the messages of the status channel (mpi_status.h): it answers the peers'
// "how far are you on channel c?" and beats for heartbeat_neighbours(), whatever this rank's other threads do. What
// follows from beats that fail to come is MpiWatch's part.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "partialfc/comm/communicator.h"
#include "partialfc/comm/loss.h"
#include "partialfc/comm/mpi_channel.h"
#include "partialfc/comm/mpi_status.h"
#include "partialfc/comm/mpi_types.h"

namespace partialfc {

class MpiWatch;

class MpiEngine {
 public:
  using Clock = std::chrono::steady_clock;

  explicit MpiEngine(Communicator::Options options);
  ~MpiEngine();

  int rank() const { return rank_; }
  int size() const { return size_; }
  int ranks_on_host() const { return ranks_on_host_; }
  const std::string& host_of(int rank) const { return hosts_[rank]; }
  const Communicator::Options& options() const { return options_; }
  const MpiTypes& types() const { return types_; }
  // A new channel over all ranks; returns its index. Collective and blocking.
  int add_channel(const std::string& name);

  // Starts the channel's next operation: `issue` calls MPI, which may fill `scratch`.
  std::shared_ptr<MpiPending> start(int channel, const CollectiveCall& call, MpiPending::Scratch scratch,
                                    const std::function<int(MPI_Comm, MPI_Request*)>& issue);
  // The same for an operation that something else performs, until finish() says that it is done.
  std::shared_ptr<MpiPending> watch(int channel, const CollectiveCall& call);
  void finish(MpiPending& pending);
  bool finished(MpiPending& pending);
  // True once it is done, false if that does not happen before the deadline.
  bool wait_for(MpiPending& pending, Clock::time_point deadline);

  // What each of `ranks` says of itself; empty for those that do not answer within kAnswerTime.
  std::vector<std::optional<RankState>> ask(int channel, const std::vector<int>& ranks);
  std::vector<std::optional<Position>> ask_positions(int channel);
  std::string name_of_channel(int channel);
  // What MpiWatch looks at, without the lock: how often the progress thread has gone round, and how many beats have
  // come from each of the neighbours.
  const std::vector<int>& neighbours() const { return neighbours_; }
  int64_t rounds() const { return rounds_; }
  int64_t beats_of(int neighbour) const { return beats_[neighbour]; }
  // Why a rank is lost, as this rank found or another one told; empty: none is. As soon as MPI can be called the
  // neighbours are told in turn; after that no MPI call is made, and every operation throws LostRankError.
  void declare_lost(const std::string& why) { loss_.declare(why); }
  std::string why_lost() const { return loss_.why(); }
  // Tells rank 0 if an operation has been waited for so long.
  void report_long_wait(std::chrono::milliseconds longest);
  bool take_long_wait();  // whether a rank has told this one since the last call
  // From here on no MPI call is made, and every operation throws `why`.
  void stop(const std::string& why);
  // The same, unless the operation is done: its buffers are about to go.
  void abandon(const MpiPending& pending, const std::string& why);

  // Waits for the peers to close too, and frees the channels. False, without any of this, if the engine has been
  // stopped or operations are under way. Ends the threads either way. Does not throw.
  bool close();

  [[noreturn]] void abort(int exit_code);

 private:
  using Answers = std::vector<std::optional<RankState>>;  // (size)

  void run_progress_thread();
  void end_threads();
  std::unique_lock<std::timed_mutex> lock_soon();
  // Called under the lock:
  std::shared_ptr<MpiPending> begin(int channel, const CollectiveCall& call);
  void throw_if_stopped(const MpiPending* waited_for = nullptr) const;
  void test(MpiPending& pending);
  void set_done(MpiPending& pending);
  void advance();
  void beat();
  void receive(const MpiStatus::Message& message);
  void pass_on_loss();
  const MpiPending* longest_waited_for() const;
  RankState own_state(int channel) const;

  const Communicator::Options options_;
  int rank_ = 0, size_ = 1, ranks_on_host_ = 1;
  std::vector<std::string> hosts_;  // (size)
  std::vector<int> neighbours_;     // ranks
  Loss loss_;
  std::atomic<int64_t> rounds_ = 0;              // of the progress thread
  std::array<std::atomic<int64_t>, 2> beats_{};  // by neighbour

  std::timed_mutex mutex_;  // round every MPI call and all below
  std::condition_variable_any wake_;
  std::string stopped_;  // why; empty while all is well
  bool closing_ = false;
  bool ended_ = false;
  std::optional<Clock::time_point> told_loss_;  // when the neighbours were
  MpiTypes types_;
  MpiStatus status_;
  std::vector<MpiChannel> channels_;
  std::vector<std::shared_ptr<MpiPending>> pending_;  // not done
  std::map<int, Answers> questions_;                  // by number: those that wait for answers
  int last_question_ = 0;
  Clock::time_point last_beat_, last_long_wait_;
  bool long_wait_heard_ = false;
  std::thread progress_;
  std::unique_ptr<MpiWatch> watch_;
};

}  // namespace partialfc
