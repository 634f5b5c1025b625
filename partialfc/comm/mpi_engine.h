// What moves MPI operations on: the lock round all MPI calls, and the progress thread. Internal to
// comm/.
//
// MPI moves a non-blocking collective on inside MPI calls alone. So the progress thread tests what
// is under way every kBusyInterval, and a waiting rank tests its own operation: without a pause for
// kPollTime, then with short sleeps. It does not yield: on a busy core sched_yield gives away a
// whole time slice (3 ms measured, for 15 us of work).
//
// The progress thread also sends and hears the messages of the status channel (mpi_status.h): it
// answers the peers' "how far are you on channel c?" and beats for heartbeat_neighbours(), whatever
// this rank's other threads do. What follows from beats that fail to come is MpiWatch's part.
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

#include "partialfc/base/trace.h"
#include "partialfc/comm/communicator.h"
#include "partialfc/comm/delay.h"
#include "partialfc/comm/mpi_status.h"

namespace partialfc {

class MpiWatch;

class MpiEngine {
 public:
  using Clock = std::chrono::steady_clock;

  // One operation under way. Guarded by the engine's lock.
  struct Pending {
    MPI_Request request = MPI_REQUEST_NULL;
    bool done = false;
    int channel = -1;
    int64_t number = 0;  // on the channel, the first being #1
    CollectiveCall call;
    std::optional<Clock::time_point> waited_since;
    double seconds_waited() const {
      return std::chrono::duration<double>(Clock::now() - *waited_since).count();
    }
    TraceLane* lane = nullptr;  // the channel's
    int64_t began = 0;          // as TraceLane::begin()
  };

  explicit MpiEngine(Communicator::Options options);
  ~MpiEngine();

  int rank() const { return rank_; }
  int size() const { return size_; }
  int ranks_on_host() const { return ranks_on_host_; }
  const std::string& host_of(int rank) const { return hosts_[rank]; }
  const Communicator::Options& options() const { return options_; }

  // A new channel over all ranks; returns its index. Collective and blocking.
  int add_channel(const std::string& name);

  // Starts the channel's next operation: `issue` calls MPI.
  std::shared_ptr<Pending> start(int channel, const CollectiveCall& call,
                                 const std::function<int(MPI_Comm, MPI_Request*)>& issue);
  bool finished(Pending& pending);
  // True once it is done, false if that does not happen before the deadline.
  bool wait_for(Pending& pending, Clock::time_point deadline);

  // An answer to "how far are you?".
  struct RankState {
    Position position;  // on the channel that was asked about
    Wait wait;
  };
  // What each of `ranks` says of itself; empty for those that do not answer within kAnswerTime.
  std::vector<std::optional<RankState>> ask(int channel, const std::vector<int>& ranks);
  std::vector<std::optional<Position>> ask_positions(int channel);
  std::string name_of_channel(int channel);

  // What MpiWatch looks at, without the lock: how often the progress thread has gone round, and how
  // many beats have come from each of the neighbours.
  const std::vector<int>& neighbours() const { return neighbours_; }
  int64_t rounds() const { return rounds_; }
  int64_t beats_of(int neighbour) const { return beats_[neighbour]; }
  // Why a rank is lost, as this rank found or another one told; empty: none is. The neighbours are
  // told in turn.
  void declare_lost(const std::string& why);
  std::string why_lost();
  void stop_as_lost();  // from here on no MPI call is made, and every operation throws LostRankError
  // Tells rank 0 if an operation has been waited for so long.
  void report_long_wait(std::chrono::milliseconds longest);
  // Whether a rank has told this one since the last call.
  bool take_long_wait();

  // From here on no MPI call is made, and every operation throws `why`.
  void stop(const std::string& why);
  // The same, unless the operation is done: its buffers are about to go.
  void abandon(const Pending& pending, const std::string& why);

  // Waits for the peers to close too, and frees the channels. False, without any of this, if the
  // engine has been stopped or operations are under way. Ends the threads either way. Does not
  // throw.
  bool close();

  [[noreturn]] void abort(int exit_code);

 private:
  struct Channel {
    std::string name;
    MPI_Comm communicator = MPI_COMM_NULL;
    Position position;
    std::unique_ptr<TraceLane> lane;
  };
  using Answers = std::vector<std::optional<RankState>>;  // (size)

  void run_progress_thread();
  void end_threads();
  std::unique_lock<std::timed_mutex> lock_soon();
  // Those below are called under the lock.
  void throw_if_stopped(const Pending* waited_for = nullptr) const;
  void test(Pending& pending);
  void advance();
  void beat();
  void receive(const MpiStatus::Message& message);
  void tell_lost(const std::string& why);
  const Pending* longest_waited_for() const;
  RankState own_state(int channel) const;

  const Communicator::Options options_;
  int rank_ = 0, size_ = 1, ranks_on_host_ = 1;
  std::vector<std::string> hosts_;               // (size)
  std::vector<int> neighbours_;                  // ranks
  std::atomic<int64_t> rounds_ = 0;              // of the progress thread
  std::array<std::atomic<int64_t>, 2> beats_{};  // by neighbour

  std::timed_mutex mutex_;  // round every MPI call and all below
  std::condition_variable_any wake_;
  std::string stopped_;  // why; empty while all is well
  std::string lost_;     // why a rank is lost
  bool closing_ = false;
  bool ended_ = false;
  MpiStatus status_;
  std::vector<Channel> channels_;
  std::vector<std::shared_ptr<Pending>> pending_;  // not done
  std::map<int, Answers> questions_;               // by number: those that wait for answers
  int last_question_ = 0;
  Clock::time_point last_beat_, last_long_wait_;
  bool long_wait_heard_ = false;
  std::thread progress_;
  std::unique_ptr<MpiWatch> watch_;
};

}  // namespace partialfc
