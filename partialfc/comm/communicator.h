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

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "partialfc/comm/collective.h"
#include "partialfc/comm/communicator_options.h"
#include "partialfc/comm/request.h"
#include "partialfc/comm/traffic.h"
#include "partialfc/comm/watch.h"
#include "partialfc/device/view.h"

namespace partialfc {

// One channel, seen from one rank. Used by one thread at a time; different channels by different threads.
class Communicator {
 public:
  using Options = CommunicatorOptions;

  explicit Communicator(std::string name) : name_(std::move(name)) {}
  virtual ~Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual int ranks_on_host() const = 0;  // ranks that share this rank's machine, itself among them
  virtual const std::string& host_of(int rank) const = 0;  // the name of a rank's machine
  const std::string& name() const { return name_; }        // of the channel

  // Whether the buffers are memory of a device: DeviceSpan, used in the order of the stream that this was made with. Else they
  // are the host's: std::span.
  virtual bool on_device() const { return false; }

  // The operations; collective.h has their formulas. n is the same on every rank, and no two buffers overlap. T is
  // float, double, int64_t or BFloat16, or std::byte where nothing is reduced.

  // all: (size() * n), rank r's n elements at r * n; mine: (n).
  template <Transferable T>
  Request all_gather(std::span<const T> mine, std::span<T> all) {
    return begin(false, call_of<T>(Collective::kAllGather, mine.data(), all.data(), mine.size()), all.size());
  }
  template <Transferable T>
  Request all_gather(DeviceSpan<const T> mine, DeviceSpan<T> all) {
    return begin(true, call_of<T>(Collective::kAllGather, mine.address, all.address, mine.size), all.size);
  }
  // inout: (n).
  template <Reducible T>
  Request all_reduce(std::span<T> inout, ReduceOp op = ReduceOp::kSum) {
    return begin(false, call_of<T>(Collective::kAllReduce, nullptr, inout.data(), inout.size(), op));
  }
  template <Reducible T>
  Request all_reduce(DeviceSpan<T> inout, ReduceOp op = ReduceOp::kSum) {
    return begin(true, call_of<T>(Collective::kAllReduce, nullptr, inout.address, inout.size, op));
  }
  // all: (size() * n); mine: (n), the reduction of the elements rank() * n ….
  template <Reducible T>
  Request reduce_scatter(std::span<const T> all, std::span<T> mine, ReduceOp op = ReduceOp::kSum) {
    return begin(false, call_of<T>(Collective::kReduceScatter, all.data(), mine.data(), mine.size(), op),
                 all.size());
  }
  template <Reducible T>
  Request reduce_scatter(DeviceSpan<const T> all, DeviceSpan<T> mine, ReduceOp op = ReduceOp::kSum) {
    return begin(true, call_of<T>(Collective::kReduceScatter, all.address, mine.address, mine.size, op),
                 all.size);
  }
  // inout: (n).
  template <Transferable T>
  Request broadcast(std::span<T> inout, int root) {
    return begin(false, call_of<T>(Collective::kBroadcast, nullptr, inout.data(), inout.size(), {}, root));
  }
  template <Transferable T>
  Request broadcast(DeviceSpan<T> inout, int root) {
    return begin(true, call_of<T>(Collective::kBroadcast, nullptr, inout.address, inout.size, {}, root));
  }
  Request barrier() { return begin(on_device(), {Collective::kBarrier}); }

  // Counts an operation that something else performs as this channel's next: watch.h.
  virtual std::unique_ptr<Watch> watch(const CollectiveCall& call) = 0;

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
  template <class T>
  static CollectiveCall call_of(Collective collective, const void* send, void* receive, auto count,
                                ReduceOp op = {}, int root = 0) {
    return {collective, send, receive, static_cast<int64_t>(count), data_type_of<T>(), op, root};
  }
  // whole: elements of all ranks, where there are such.
  Request begin(bool device, const CollectiveCall& call, std::optional<int64_t> whole = {});
  Request count_and_start(const CollectiveCall& call);

  std::string name_;
  Traffic traffic_;
  std::shared_ptr<double> waited_ = std::make_shared<double>(0);
};

}  // namespace partialfc
