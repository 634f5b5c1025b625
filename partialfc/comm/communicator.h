// Collective operations over a group of ranks.
//
// Every rank of the group calls the same operations in the same order on the same channel. An operation is started by
// its call and finished once its Request has been waited for; until then its buffers belong to it. Requests may be
// waited for in any order, and channels are independent of each other.
//
// Sums are taken in an order that depends on the number of ranks and the message size alone: equal inputs, equal bits,
// and the same bits on every rank.
//
// A rank that does not arrive within Options::timeout makes the others' wait() throw TimeoutError, which names the
// operation and the late ranks. A process that is not heard of for Options::heartbeat makes them throw LostRankError
// much sooner, and Options::on_lost ends those that do not wait. Among ranks that are threads (thread_ranks.h) the
// failure of one makes the others' waits throw Error that names it; among processes (mpi.h) the program ends them with
// MpiSession::abort.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "partialfc/comm/collective.h"
#include "partialfc/comm/request.h"
#include "partialfc/comm/traffic.h"

namespace partialfc {

// One channel, seen from one rank. Used by one thread at a time; different channels by different threads.
class Communicator {
 public:
  struct Options {
    std::chrono::milliseconds timeout = std::chrono::minutes(10);  // of a wait; positive

    // Of processes; ranks that are threads of one need none of it. The functions are called from a thread of the
    // communicator's own.

    // Silence of a rank's progress thread that is fatal; 0: none, else at least a second.
    std::chrono::milliseconds heartbeat = std::chrono::seconds(30);
    // Told where a rank has waited for long: who waits for whom. On one rank.
    std::function<void(const std::string& line)> on_long_wait;
    // Told a LostRankError's message some seconds after the loss, if this process still runs then: to end it, whatever
    // it does. MPI is not to be called any more.
    std::function<void(const std::string& why)> on_lost;

    void check() const;  // throws UsageError
  };

  explicit Communicator(std::string name) : name_(std::move(name)) {}
  virtual ~Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual int ranks_on_host() const = 0;  // ranks that share this rank's machine, itself among them
  virtual const std::string& host_of(int rank) const = 0;  // the name of a rank's machine
  const std::string& name() const { return name_; }        // of the channel

  // The operations; collective.h has their formulas. n is the same on every rank, and no two buffers overlap. T is
  // float, double, int64_t or BFloat16, or std::byte where nothing is reduced.

  // all: (size() * n), rank r's n elements at r * n; mine: (n).
  template <Transferable T>
  Request all_gather(std::span<const T> mine, std::span<T> all) {
    check_parts(Collective::kAllGather, mine.size(), all.size());
    return count_and_start(
        {Collective::kAllGather, mine.data(), all.data(), std::ssize(mine), data_type_of<T>()});
  }
  // inout: (n).
  template <Reducible T>
  Request all_reduce(std::span<T> inout, ReduceOp op = ReduceOp::kSum) {
    return count_and_start(
        {Collective::kAllReduce, nullptr, inout.data(), std::ssize(inout), data_type_of<T>(), op});
  }
  // all: (size() * n); mine: (n), the reduction of the elements rank() * n ….
  template <Reducible T>
  Request reduce_scatter(std::span<const T> all, std::span<T> mine, ReduceOp op = ReduceOp::kSum) {
    check_parts(Collective::kReduceScatter, mine.size(), all.size());
    return count_and_start(
        {Collective::kReduceScatter, all.data(), mine.data(), std::ssize(mine), data_type_of<T>(), op});
  }
  // inout: (n).
  template <Transferable T>
  Request broadcast(std::span<T> inout, int root) {
    return count_and_start({Collective::kBroadcast, nullptr, inout.data(), std::ssize(inout),
                            data_type_of<T>(), ReduceOp::kSum, root});
  }
  Request barrier() { return count_and_start({Collective::kBarrier}); }

  // A further channel over the same ranks. Collective: every rank opens the same channels in the same order, from one
  // thread. The name has at most 63 bytes.
  std::unique_ptr<Communicator> open_channel(const std::string& name);

  const Traffic& traffic() const { return traffic_; }
  // That this rank has spent in wait() of this channel's requests.
  double waited_seconds() const { return *waited_; }

 protected:
  // Starts one operation; in a group of one rank as well.
  virtual Request start(const CollectiveCall& call) = 0;
  // A channel of that name; the ranks have agreed on opening it.
  virtual std::unique_ptr<Communicator> duplicate(const std::string& name) = 0;

 private:
  void check_parts(Collective collective, size_t part, size_t whole) const;
  Request count_and_start(const CollectiveCall& call);

  std::string name_;
  Traffic traffic_;
  std::shared_ptr<double> waited_ = std::make_shared<double>(0);
};

}  // namespace partialfc
