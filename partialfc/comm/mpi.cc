#include "partialfc/comm/mpi.h"

#include <cstdlib>
#include <cstring>
#include <exception>
#include <limits>

#include "partialfc/comm/host_collective.h"
#include "partialfc/comm/mpi_engine.h"

namespace partialfc {
namespace {

using Scratch = MpiPending::Scratch;

[[noreturn]] void throw_timeout(MpiEngine& engine, const std::string& channel, const MpiPending& pending) {
  const Awaited awaited{channel, engine.rank(), pending.number, pending.call};
  throw TimeoutError(
      describe_timeout(awaited, engine.options().timeout, engine.ask_positions(pending.channel)));
}

class MpiWatched : public Watch {
 public:
  MpiWatched(std::shared_ptr<MpiEngine> engine, const std::string& channel,
             std::shared_ptr<MpiPending> pending)
      : engine_(std::move(engine)), channel_(channel), pending_(std::move(pending)) {}
  ~MpiWatched() override { engine_->finish(*pending_); }

  void check() override {
    if (!deadline_) deadline_ = std::chrono::steady_clock::now() + engine_->options().timeout;
    engine_->finished(*pending_);  // throws where a rank is lost
    if (std::chrono::steady_clock::now() >= *deadline_) throw_timeout(*engine_, channel_, *pending_);
  }

 private:
  const std::shared_ptr<MpiEngine> engine_;
  const std::string channel_;
  const std::shared_ptr<MpiPending> pending_;
  std::optional<std::chrono::steady_clock::time_point> deadline_;
};

class MpiOperation : public Request::Operation {
 public:
  MpiOperation(std::shared_ptr<MpiEngine> engine, const std::string& channel_name, const CollectiveCall& call,
               Scratch received, std::shared_ptr<MpiPending> pending)
      : engine_(std::move(engine)),
        channel_name_(channel_name),
        call_(call),
        received_(std::move(received)),
        pending_(std::move(pending)) {}

  ~MpiOperation() override {
    engine_->abandon(*pending_,
                     fmt::format("rank {} failed before {} (#{} of channel {}) was finished", engine_->rank(),
                                 describe(call_), pending_->number, channel_name_));
  }

  bool finished() override {
    set_deadline();
    if (!engine_->finished(*pending_)) {
      if (std::chrono::steady_clock::now() >= *deadline_) give_up();
      return false;
    }
    reduce_received();
    return true;
  }

  void wait() override {
    set_deadline();
    if (!engine_->wait_for(*pending_, *deadline_)) give_up();
    reduce_received();
  }

 private:
  void set_deadline() {
    if (!deadline_) deadline_ = std::chrono::steady_clock::now() + engine_->options().timeout;
  }

  [[noreturn]] void give_up() { throw_timeout(*engine_, channel_name_, *pending_); }

  // Second half of reduce_scatter: received_ (size(), n) holds every rank's elements for this one.
  void reduce_received() {
    if (!received_ || call_.count == 0) return;
    std::memcpy(call_.receive, received_->data(), call_.bytes());
    for (int r = 1; r < engine_->size(); ++r)
      combine(call_.receive, received_->data() + r * call_.bytes(), call_.count, call_.type, call_.op);
  }

  const std::shared_ptr<MpiEngine> engine_;
  const std::string channel_name_;
  const CollectiveCall call_;
  const Scratch received_;  // null but for reduce_scatter
  const std::shared_ptr<MpiPending> pending_;
  std::optional<std::chrono::steady_clock::time_point> deadline_;
};

class MpiCommunicator : public Communicator {
 public:
  MpiCommunicator(std::shared_ptr<MpiEngine> engine, const std::string& name)
      : Communicator(name), engine_(std::move(engine)), channel_(engine_->add_channel(name)) {}

  int rank() const override { return engine_->rank(); }
  int size() const override { return engine_->size(); }
  int ranks_on_host() const override { return engine_->ranks_on_host(); }
  const std::string& host_of(int rank) const override { return engine_->host_of(rank); }
  std::unique_ptr<Watch> watch(const CollectiveCall& call) override {
    return std::make_unique<MpiWatched>(engine_, name(), engine_->watch(channel_, call));
  }

 protected:
  Request start(const CollectiveCall& call) override;
  std::unique_ptr<Communicator> duplicate(const std::string& name) override {
    return std::make_unique<MpiCommunicator>(engine_, name);
  }

 private:
  int mpi_count(const CollectiveCall& call) const;
  Scratch scratch_for(const CollectiveCall& call);

  const std::shared_ptr<MpiEngine> engine_;
  const int channel_;
  Scratch scratch_ = std::make_shared<std::vector<std::byte>>();
};

// MPI counts in int, and Open MPI computes places in the whole buffer in int as well.
int MpiCommunicator::mpi_count(const CollectiveCall& call) const {
  const bool one_message_a_rank =
      call.collective == Collective::kAllGather || call.collective == Collective::kReduceScatter;
  const int64_t limit = std::numeric_limits<int>::max() / (one_message_a_rank ? size() : 1);
  if (call.count > limit) {
    fail("{} on channel {} among {} ranks: MPI takes at most {} elements at once; send it in parts",
         describe(call), name(), size(), limit);
  }
  return static_cast<int>(call.count);
}

// Room for what all ranks send to this one. Kept from one operation to the next, unless that one still holds it.
Scratch MpiCommunicator::scratch_for(const CollectiveCall& call) {
  if (scratch_.use_count() > 1) scratch_ = std::make_shared<std::vector<std::byte>>();
  const size_t bytes = call.bytes() * size();
  if (scratch_->size() < bytes) scratch_->resize(bytes);
  return scratch_;
}

Request MpiCommunicator::start(const CollectiveCall& call) {
  if (size() == 1) {
    perform({&call, 1});
    return {};
  }
  const int n = mpi_count(call);
  const MPI_Datatype type = engine_->types().of(call.type);
  const Scratch scratch = call.collective == Collective::kReduceScatter ? scratch_for(call) : nullptr;
  const auto issue = [&](MPI_Comm communicator, MPI_Request* request) -> int {
    switch (call.collective) {
      case Collective::kAllGather:
      case Collective::kOpenChannel:
        return MPI_Iallgather(call.send, n, type, call.receive, n, type, communicator, request);
      case Collective::kAllReduce:
        return MPI_Iallreduce(MPI_IN_PLACE, call.receive, n, type, engine_->types().of(call.op, call.type),
                              communicator, request);
      case Collective::kReduceScatter:
        // Open MPI's own reduces everything on rank 0 first. Exchanging the parts moves 1/log2(R) of that and lets each
        // rank sum in the order of the ranks.
        return MPI_Ialltoall(call.send, n, type, scratch->data(), n, type, communicator, request);
      case Collective::kBroadcast:
        return MPI_Ibcast(call.receive, n, type, call.root, communicator, request);
      case Collective::kBarrier:
        return MPI_Ibarrier(communicator, request);
    }
    return MPI_ERR_UNSUPPORTED_OPERATION;
  };
  auto started = engine_->start(channel_, call, scratch, issue);
  return Request(std::make_unique<MpiOperation>(engine_, name(), call, scratch, std::move(started)));
}

void initialize_mpi() {
  int initialized = 0;
  MPI_Initialized(&initialized);
  if (initialized) fail("MPI has been initialized before: a process can have one MPI session");
  int provided = MPI_THREAD_SINGLE;
  check_mpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided), "MPI_Init_thread");
  if (provided < MPI_THREAD_SERIALIZED) {
    fail("this MPI has thread level {}, {} is needed: use an MPI library built with threads", provided,
         static_cast<int>(MPI_THREAD_SERIALIZED));
  }
  // Communicators inherit it: errors come back as codes.
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
}

}  // namespace

MpiSession::MpiSession(const Communicator::Options& options)
    : exceptions_at_start_(std::uncaught_exceptions()) {
  options.check();
  initialize_mpi();
  engine_ = std::make_shared<MpiEngine>(options);
  world_ = std::make_unique<MpiCommunicator>(engine_, "world");
}

MpiSession::~MpiSession() {
  if (std::uncaught_exceptions() > exceptions_at_start_) engine_->stop("an exception ended the MPI session");
  if (engine_->close()) {
    MPI_Finalize();
    return;
  }
  // MPI has not ended, and peers may still write to what unfinished operations were to fill: what is ours of it stays.
  static auto* const kept = new std::shared_ptr<MpiEngine>;
  *kept = engine_;
}

bool MpiSession::launched_by_mpi() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"})
    if (std::getenv(name)) return true;
  return false;
}

void MpiSession::abort(int exit_code) { engine_->abort(exit_code); }

void require_mpi(const std::string&) {}

MpiVersions mpi_versions() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = {};
  int length = 0;
  MPI_Get_library_version(text, &length);
  // "Open MPI v4.1.4, package: …"
  const std::string all(text, static_cast<size_t>(length)), start = "Open MPI v";
  MpiVersions versions{.found = all.substr(0, all.find('\n'))};
  if (all.starts_with(start)) versions.found = all.substr(start.size(), all.find(',') - start.size());
#ifdef OMPI_MAJOR_VERSION
  versions.built = fmt::format("{}.{}.{}", OMPI_MAJOR_VERSION, OMPI_MINOR_VERSION, OMPI_RELEASE_VERSION);
#else
  versions.built = fmt::format("MPI {}.{}", MPI_VERSION, MPI_SUBVERSION);
#endif
  return versions;
}

}  // namespace partialfc
