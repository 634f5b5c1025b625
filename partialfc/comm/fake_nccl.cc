#include "partialfc/comm/fake_nccl.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <vector>

#include "partialfc/comm/host_collective.h"
#include "partialfc/comm/nccl_library.h"
#include "partialfc/device/simt/control.h"

namespace partialfc {

namespace nccl {

constexpr int kMostRanks = 8;
constexpr int64_t kMostBytes = 64 << 20;  // that a rank sends at once

// What the ranks share, zeros at first. A rank posts what it calls and sends; when it has read what all others posted of
// an operation, it says so, and they may post the next.
struct Shared {
  struct Rank {
    std::atomic<int64_t> posted, read;  // the number of the last operation
    CollectiveCall call;
  };
  std::atomic<int> joined;
  std::array<Rank, kMostRanks> ranks;
  alignas(4096) std::byte sent[kMostRanks][kMostBytes];
};

struct Comm {
  Shared* shared = nullptr;
  int rank = 0, size = 0;
  int64_t issued = 0;
  bool in_progress = false;  // the last call has not been asked after
  std::mutex mutex;          // holds who uses what follows
  bool aborted = false;
  Result error = Result::kSuccess;
  std::string last_error;
};

namespace {

std::mutex all_mutex;
std::vector<std::unique_ptr<Comm>> all;  // those that were aborted too: whoever calls them is told so
std::set<Comm*> alive;

bool is_alive(Comm* comm) {
  const std::lock_guard lock(all_mutex);
  return alive.contains(comm);
}

thread_local std::string misuse;

Result refuse(const std::string& why) {
  misuse = why;
  return Result::kInvalidUsage;
}

Shared* map(const char* path, int flags) {
  const int file = shm_open(path, flags, 0600);
  if (file < 0 || ftruncate(file, sizeof(Shared)) != 0) return nullptr;
  void* const memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  return memory == MAP_FAILED ? nullptr : static_cast<Shared*>(memory);
}

Result get_unique_id(UniqueId* id) {
  std::random_device random;
  const std::string path = fmt::format("/partialfc-fake-nccl-{:08x}{:08x}", random(), random());
  std::strcpy(id->bytes, path.c_str());
  return map(id->bytes, O_CREAT | O_EXCL | O_RDWR) != nullptr ? Result::kSuccess : Result::kSystemError;
}

Result init_rank(Comm** comm, int size, UniqueId id, int rank, Config* config) {
  if (config->magic != 0xcafebeef || config->size < sizeof(Config) || config->version < 21400)
    return refuse("a configuration that is none");
  if (config->blocking != 0) return refuse("blocking calls: nobody could stop waiting for them");
  if (size < 1 || size > kMostRanks || rank < 0 || rank >= size) return Result::kInvalidArgument;
  Shared* const shared = map(id.bytes, O_RDWR);
  if (shared == nullptr) return refuse(fmt::format("nobody has made the id {}", id.bytes));
  if (++shared->joined == size) shm_unlink(id.bytes);
  const std::lock_guard lock(all_mutex);
  *comm = all.emplace_back(new Comm{.shared = shared, .rank = rank, .size = size, .in_progress = true}).get();
  alive.insert(*comm);
  return Result::kInProgress;
}

Result async_error(Comm* comm, Result* error) {
  if (!is_alive(comm)) return refuse("ncclCommGetAsyncError after ncclCommAbort");
  const std::lock_guard lock(comm->mutex);
  const FakeNccl& fake = fake_nccl();
  if (comm->error == Result::kSuccess && comm->rank == fake.failing_rank &&
      comm->issued >= fake.failing_operation) {
    comm->error = Result::kRemoteError;
    comm->last_error = "the cable is out";
  }
  *error = comm->error;
  if (comm->error == Result::kSuccess && comm->in_progress) {
    *error = Result::kInProgress;
    comm->in_progress = comm->shared->joined < comm->size;
  }
  return Result::kSuccess;
}

Result abort(Comm* comm) {
  if (!is_alive(comm)) return refuse("ncclCommAbort twice");
  {
    const std::lock_guard lock(comm->mutex);
    comm->aborted = true;
  }
  const std::lock_guard lock(all_mutex);
  alive.erase(comm);
  return Result::kSuccess;
}

// The work of one operation, when its turn in the stream has come. False: not yet.
class Work {
 public:
  Work(Comm& comm, const CollectiveCall& call, int64_t sent_bytes)
      : comm_(comm), call_(call), sent_bytes_(sent_bytes), number_(comm.issued) {}

  bool operator()() {
    const std::lock_guard lock(comm_.mutex);
    if (comm_.aborted) return true;
    if (comm_.error != Result::kSuccess) return false;  // hangs until it is aborted
    Shared& shared = *comm_.shared;
    if (!posted_) {
      for (int r = 0; r < comm_.size; ++r)
        if (shared.ranks[r].read < number_ - 1) return false;
      if (sent_bytes_ > 0) std::memcpy(shared.sent[comm_.rank], call_.send, static_cast<size_t>(sent_bytes_));
      shared.ranks[comm_.rank].call = call_;
      shared.ranks[comm_.rank].posted = number_;
      posted_ = true;
    }
    for (int r = 0; r < comm_.size; ++r)
      if (shared.ranks[r].posted < number_) return false;
    for (int r = 0; r < comm_.size; ++r)
      if (!same_operation(call_, shared.ranks[r].call)) {
        comm_.error = Result::kInvalidUsage;
        comm_.last_error =
            fmt::format("rank {} calls {}, rank {} calls {}, as #{} of the communicator", comm_.rank,
                        describe(call_), r, describe(shared.ranks[r].call), number_);
        return false;
      }
    if (call_.count > 0) receive();
    shared.ranks[comm_.rank].read = number_;
    return true;
  }

 private:
  void receive() {
    const auto sent = comm_.shared->sent;
    const int64_t bytes = call_.bytes();
    auto* const to = static_cast<std::byte*>(call_.receive);
    if (call_.collective == Collective::kAllGather) {
      for (int r = 0; r < comm_.size; ++r) std::memcpy(to + r * bytes, sent[r], static_cast<size_t>(bytes));
    } else if (call_.collective == Collective::kBroadcast) {
      std::memcpy(to, sent[call_.root], static_cast<size_t>(bytes));
    } else {
      const int64_t first = call_.collective == Collective::kReduceScatter ? comm_.rank * bytes : 0;
      std::memcpy(to, sent[0] + first, static_cast<size_t>(bytes));
      for (int r = 1; r < comm_.size; ++r) combine(to, sent[r] + first, call_.count, call_.type, call_.op);
    }
  }

  Comm& comm_;
  const CollectiveCall call_;
  const int64_t sent_bytes_, number_;
  bool posted_ = false;
};

partialfc::DataType type_of(DataType type) {
  switch (type) {
    case DataType::kUint8:
      return partialfc::DataType::kByte;
    case DataType::kInt64:
      return partialfc::DataType::kInt64;
    case DataType::kFloat32:
      return partialfc::DataType::kFloat32;
    case DataType::kFloat64:
      return partialfc::DataType::kFloat64;
    case DataType::kBfloat16:
      return partialfc::DataType::kBFloat16;
  }
  return {};
}
ReduceOp op_of(RedOp op) {
  return op == RedOp::kSum ? ReduceOp::kSum : op == RedOp::kMax ? ReduceOp::kMax : ReduceOp::kMin;
}

Result queue(Comm* comm, CUstream_st* stream, const CollectiveCall& call, int parts = 1) {
  if (!is_alive(comm)) return refuse(fmt::format("{} after ncclCommAbort", describe(call)));
  if (comm->in_progress)
    return refuse(fmt::format("{} while the call before it is in progress", describe(call)));
  const int64_t sent = call.bytes() * parts;
  if (sent > kMostBytes)
    return refuse(fmt::format("{} bytes at once: this stand-in takes {}", sent, kMostBytes));
  ++comm->issued;
  comm->in_progress = true;
  simt::enqueue(stream, name_of(call.collective),
                [work = std::make_shared<Work>(*comm, call, sent)] { return (*work)(); });
  return Result::kInProgress;
}

}  // namespace
}  // namespace nccl

FakeNccl& fake_nccl() {
  static FakeNccl fake = [] {
    FakeNccl read;
    const char* const text = std::getenv("PARTIALFC_FAKE_NCCL");
    long long operation = 0;
    if (text != nullptr && std::sscanf(text, "fail %d %lld", &read.failing_rank, &operation) != 2)
      fail("PARTIALFC_FAKE_NCCL = '{}': is not 'fail RANK OPERATION'", text);
    read.failing_operation = operation;
    return read;
  }();
  return fake;
}

const NcclLibrary& nccl_library() {
  using namespace nccl;
  static const NcclLibrary library = {
      .get_version = [](int* version) { return *version = 22809, Result::kSuccess; },
      .get_unique_id = get_unique_id,
      .init_rank = init_rank,
      .async_error = async_error,
      .abort = nccl::abort,
      .error_string =
          [](Result result) {
            return result == Result::kRemoteError    ? "remote process exited or there was a network error"
                   : result == Result::kInvalidUsage ? "invalid usage"
                                                     : "another error";
          },
      .last_error =
          [](Comm* comm) {
            if (!is_alive(comm) || comm->last_error.empty()) return misuse.c_str();
            return comm->last_error.c_str();
          },
      .all_gather =
          [](const void* mine, void* all, size_t count, nccl::DataType type, Comm* comm,
             CUstream_st* stream) {
            return queue(comm, stream,
                         {Collective::kAllGather, mine, all, static_cast<int64_t>(count), type_of(type)});
          },
      .all_reduce =
          [](const void* in, void* out, size_t count, nccl::DataType type, RedOp op, Comm* comm,
             CUstream_st* stream) {
            return queue(
                comm, stream,
                {Collective::kAllReduce, in, out, static_cast<int64_t>(count), type_of(type), op_of(op)});
          },
      .reduce_scatter =
          [](const void* all, void* mine, size_t count, nccl::DataType type, RedOp op, Comm* comm,
             CUstream_st* stream) {
            return queue(comm, stream,
                         {Collective::kReduceScatter, all, mine, static_cast<int64_t>(count), type_of(type),
                          op_of(op)},
                         comm->size);
          },
      .broadcast =
          [](const void* in, void* out, size_t count, nccl::DataType type, int root, Comm* comm,
             CUstream_st* stream) {
            return queue(
                comm, stream,
                {Collective::kBroadcast, in, out, static_cast<int64_t>(count), type_of(type), {}, root});
          },
  };
  return library;
}

}  // namespace partialfc
