#include "partialfc/comm/nccl.h"

#include <chrono>
#include <exception>
#include <thread>

#include "partialfc/base/error.h"
#include "partialfc/comm/device_channel.h"
#include "partialfc/comm/nccl_library.h"
#include "partialfc/device/buffer.h"

namespace partialfc {

namespace {

using nccl::Result;

// Between looks at what NCCL begins.
constexpr std::chrono::microseconds kPollPause(10);

nccl::DataType type_of(DataType type) {
  switch (type) {
    case DataType::kByte:
      return nccl::DataType::kUint8;
    case DataType::kInt64:
      return nccl::DataType::kInt64;
    case DataType::kFloat32:
      return nccl::DataType::kFloat32;
    case DataType::kFloat64:
      return nccl::DataType::kFloat64;
    case DataType::kBFloat16:
      return nccl::DataType::kBfloat16;
  }
  return nccl::DataType::kUint8;
}

nccl::RedOp op_of(ReduceOp op) {
  return op == ReduceOp::kSum   ? nccl::RedOp::kSum
         : op == ReduceOp::kMax ? nccl::RedOp::kMax
                                : nccl::RedOp::kMin;
}

// One of NCCL's communicators, from all ranks' joining to its end.
class NcclComm {
 public:
  // Collective.
  explicit NcclComm(Communicator& bootstrap)
      : name_(bootstrap.name()),
        who_(fmt::format("rank {} on host {}", bootstrap.rank(), bootstrap.host_of(bootstrap.rank()))) {
    nccl::UniqueId id{};
    if (bootstrap.rank() == 0) check(nccl_.get_unique_id(&id), "the id of a channel");
    bootstrap.broadcast(std::as_writable_bytes(std::span(&id, 1)), 0).wait();
    const auto watch = bootstrap.watch({Collective::kOpenChannel});
    nccl::Config config;
    const Result result = nccl_.init_rank(&comm_, bootstrap.size(), id, bootstrap.rank(), &config);
    settle(result, "joining", *watch);
  }
  ~NcclComm() { abort(); }
  NcclComm(const NcclComm&) = delete;
  NcclComm& operator=(const NcclComm&) = delete;

  // Queues an operation. nccl_call(library, comm) calls it.
  template <class Call>
  void queue(const CollectiveCall& call, Watch& watch, Call&& nccl_call) {
    if (comm_ == nullptr) fail("{} on channel {}, which has failed", describe(call), name_);
    settle(nccl_call(nccl_, comm_), describe(call), watch);
  }

  // Throws what NCCL has noticed since.
  void check_errors(const std::string& what) {
    if (comm_ == nullptr) fail("{} on channel {}, which has failed", what, name_);
    Result error = Result::kSuccess;
    check(nccl_.async_error(comm_, &error), what);
    if (error != Result::kInProgress) check(error, what);
  }

  bool has_failed() const { return comm_ == nullptr; }
  // Ends what is queued, done or not, and frees all, without the peers.
  void abort() noexcept {
    if (comm_ != nullptr) nccl_.abort(comm_);
    comm_ = nullptr;
  }

 private:
  // Until NCCL has done what a call began: the first ones of a channel wait for the peers.
  void settle(Result result, const std::string& what, Watch& watch) {
    try {
      while (result == Result::kInProgress) {
        watch.check();
        check(nccl_.async_error(comm_, &result), what);
        if (result == Result::kInProgress) std::this_thread::sleep_for(kPollPause);
      }
      check(result, what);
    } catch (...) {
      abort();
      throw;
    }
  }

  void check(Result result, const std::string& what) {
    if (result == Result::kSuccess) return;
    const char* const more = comm_ != nullptr ? nccl_.last_error(comm_) : nullptr;
    fail("NCCL on {}, {} of channel {}: {}{}{}", who_, what, name_, nccl_.error_string(result),
         more != nullptr && *more != '\0' ? ": " : "", more != nullptr ? more : "");
  }

  const NcclLibrary& nccl_ = nccl_library();
  const std::string name_, who_;
  nccl::Comm* comm_ = nullptr;
};

class NcclOperation final : public Request::Operation {
 public:
  NcclOperation(std::shared_ptr<NcclComm> comm, std::unique_ptr<Watch> watch, std::string what,
                Stream& stream)
      : comm_(std::move(comm)),
        watch_(std::move(watch)),
        what_(std::move(what)),
        stream_(stream),
        done_(stream) {}

  // Given up: an exception unwinds the stack, or a wait has thrown.
  ~NcclOperation() override {
    if (!over_) comm_->abort();
  }

  bool finished() override {
    if (over_) return true;
    comm_->check_errors(what_);
    over_ = done_.is_done();
    if (!over_) watch_->check();
    return over_;
  }
  void wait() override {
    look_until([this] { return finished(); });
  }
  void come_before(Stream& stream) override {
    if (&stream != &stream_) stream.wait(done_);
  }

 private:
  const std::shared_ptr<NcclComm> comm_;
  const std::unique_ptr<Watch> watch_;
  const std::string what_;
  Stream& stream_;
  const Event done_;
  bool over_ = false;
};

class NcclRanks final : public DeviceChannel {
 public:
  NcclRanks(std::unique_ptr<Communicator> bootstrap, Stream& stream)
      : DeviceChannel(std::move(bootstrap), stream), comm_(std::make_shared<NcclComm>(this->bootstrap())) {}
  // Waits for the peers' operations too: they read this rank's memory.
  ~NcclRanks() override {
    if (std::uncaught_exceptions() > exceptions_at_start_ || comm_->has_failed()) return;
    try {
      stream().synchronize();
      bootstrap().barrier().wait();
    } catch (...) {
      // The group has failed: its next operation says so.
    }
  }

 protected:
  Request start_on_device(const CollectiveCall& call) override;
  std::unique_ptr<Communicator> duplicate(const std::string& name) override {
    return std::make_unique<NcclRanks>(bootstrap().open_channel(name), stream());
  }

 private:
  Result queue(const NcclLibrary& nccl, nccl::Comm* comm, const CollectiveCall& call);

  const int exceptions_at_start_ = std::uncaught_exceptions();
  DeviceBuffer<int64_t> nothing_{1};  // what a barrier exchanges
  const std::shared_ptr<NcclComm> comm_;
};

Request NcclRanks::start_on_device(const CollectiveCall& call) {
  auto watch = bootstrap().watch(call);
  comm_->queue(call, *watch,
               [&](const NcclLibrary& nccl, nccl::Comm* comm) { return queue(nccl, comm, call); });
  return Request(std::make_unique<NcclOperation>(comm_, std::move(watch), describe(call), stream()));
}

Result NcclRanks::queue(const NcclLibrary& nccl, nccl::Comm* comm, const CollectiveCall& call) {
  CUstream_st* const queue = stream().handle();
  const auto count = static_cast<size_t>(call.count);
  const nccl::DataType type = type_of(call.type);
  const nccl::RedOp op = op_of(call.op);
  switch (call.collective) {
    case Collective::kAllGather:
      return nccl.all_gather(call.send, call.receive, count, type, comm, queue);
    case Collective::kAllReduce:
      return nccl.all_reduce(call.receive, call.receive, count, type, op, comm, queue);
    case Collective::kReduceScatter:
      return nccl.reduce_scatter(call.send, call.receive, count, type, op, comm, queue);
    case Collective::kBroadcast:
      return nccl.broadcast(call.receive, call.receive, count, type, call.root, comm, queue);
    case Collective::kBarrier: {
      void* const number = nothing_.span().address;
      return nccl.all_reduce(number, number, 1, nccl::DataType::kInt64, nccl::RedOp::kMax, comm, queue);
    }
    case Collective::kOpenChannel:
      break;
  }
  return Result::kInvalidArgument;
}

}  // namespace

std::unique_ptr<Communicator> open_nccl_channel(Communicator& bootstrap, const std::string& name,
                                                Stream& stream) {
  return std::make_unique<NcclRanks>(bootstrap.open_channel(name), stream);
}

}  // namespace partialfc
