// What moves MPI operations on: the lock round all MPI calls, the progress thread, and the status
// channel. Internal to comm/; the one place that includes MPI's header.
//
// MPI moves a non-blocking collective on inside MPI calls alone. So the progress thread tests what
// is under way every kBusyInterval, and a waiting rank tests its own operation: without a pause for
// kPollTime, then with short sleeps. It does not yield: on a busy core sched_yield gives away a
// whole time slice (3 ms measured, for 15 us of work).
//
// On the status channel, a communicator of its own, a rank asks "how far are you on channel c?" and
// the peer's progress thread answers with its Position.
#pragma once

#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "partialfc/base/trace.h"
#include "partialfc/comm/communicator.h"
#include "partialfc/comm/delay.h"

namespace partialfc {

// Throws Error with MPI's reason unless `code` is MPI_SUCCESS.
void check_mpi(int code, const char* function);

class MpiEngine {
 public:
  // One operation under way. Guarded by the engine's lock.
  struct Pending {
    MPI_Request request = MPI_REQUEST_NULL;
    bool done = false;
    CollectiveCall call;
    TraceLane* lane = nullptr;  // the channel's
    int64_t began = 0;          // as TraceLane::begin()
  };

  explicit MpiEngine(Communicator::Options options);
  ~MpiEngine();

  int rank() const { return rank_; }
  int size() const { return size_; }
  int ranks_on_host() const { return ranks_on_host_; }
  std::chrono::milliseconds timeout() const { return timeout_; }

  // A new channel over all ranks; returns its index. Collective and blocking.
  int add_channel(const std::string& name);

  // Starts the channel's next operation: `issue` calls MPI. Returns it with its number on the
  // channel.
  std::pair<std::shared_ptr<Pending>, int64_t> start(int channel, const CollectiveCall& call,
                                                     const std::function<int(MPI_Comm, MPI_Request*)>& issue);
  bool finished(Pending& pending);
  // True once it is done, false if that does not happen before the deadline.
  bool wait_for(Pending& pending, std::chrono::steady_clock::time_point deadline);

  // Where each rank is on the channel; empty for those that do not answer within kAnswerTime.
  std::vector<std::optional<Position>> ask_positions(int channel);

  // From here on no MPI call is made, and every operation throws `why`.
  void stop(const std::string& why);
  // The same, unless the operation is done: its buffers are about to go.
  void abandon(const Pending& pending, const std::string& why);

  // Waits for the peers to close too, and frees the channels. False, without any of this, if the
  // engine has been stopped or operations are under way. Ends the progress thread either way. Does
  // not throw.
  bool close();

  [[noreturn]] void abort(int exit_code);

 private:
  struct Channel {
    MPI_Comm communicator = MPI_COMM_NULL;
    Position position;
    std::unique_ptr<TraceLane> lane;
  };
  // Both the question and the answer.
  struct StatusMessage {
    int channel = 0;
    int answer_tag = 0;
    Position position;
  };
  struct SentMessage {
    MPI_Request request = MPI_REQUEST_NULL;
    StatusMessage message;
  };

  void run_progress_thread();
  void end_progress_thread();
  // Those below are called under the lock.
  void throw_if_stopped() const;
  void test(Pending& pending);
  void advance();
  void answer_questions();
  void send(int rank, int tag, const StatusMessage& message);

  int rank_ = 0, size_ = 1, ranks_on_host_ = 1;
  const std::chrono::milliseconds timeout_;
  std::timed_mutex mutex_;  // round every MPI call and all below
  std::condition_variable_any wake_;
  std::string stopped_;  // why; empty while all is well
  bool closing_ = false;
  bool ended_ = false;
  MPI_Comm status_ = MPI_COMM_NULL;
  std::vector<Channel> channels_;
  std::vector<std::shared_ptr<Pending>> pending_;  // not done
  std::deque<SentMessage> sent_;                   // not done
  int next_answer_tag_ = 1;
  std::thread progress_;
};

}  // namespace partialfc
