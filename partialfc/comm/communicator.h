// Collective operations over a group of ranks.
//
// Every rank of the group calls the same operations in the same order on the same channel. An operation is started by
// its call and finished when its Request has been waited for; until then its buffers belong to it. Operations of one
// channel finish in the order in which they were started; channels are independent of each other.
//
// Sums are taken in an order that depends on the number of ranks and the message size alone: equal inputs, equal bits.
//
// A rank that does not arrive within Options::timeout makes the others' wait() throw TimeoutError, which names the
// operation and the late ranks; a rank that failed makes it throw Error with that rank's reason.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "partialfc/base/error.h"

namespace partialfc {

class TimeoutError : public Error {
 public:
  using Error::Error;
};

enum class ReduceOp { kSum, kMax, kMin };
enum class DataType { kByte, kInt64, kFloat32, kFloat64 };

enum class Collective { kAllGather, kAllReduce, kReduceScatter, kBroadcast, kBarrier };
constexpr int kCollectives = 5;
const char* name_of(Collective collective);   // "all_gather", …

// What has gone over one channel so far. Bytes are those of the whole result of all_gather, of the vector of
// all_reduce and broadcast, of one rank's whole input to reduce_scatter: independent of algorithm and rank.
struct Traffic {
  struct Entry {
    int64_t calls = 0;
    int64_t bytes = 0;
  };
  std::array<Entry, kCollectives> entries;
  Entry& operator[](Collective collective) { return entries[static_cast<int>(collective)]; }
  const Entry& operator[](Collective collective) const { return entries[static_cast<int>(collective)]; }
  Entry total() const;
};

// An operation under way. Move-only; the destructor waits, and swallows the error that wait() would have thrown.
class [[nodiscard]] Request {
 public:
  struct Operation {
    virtual ~Operation() = default;
    virtual bool finished() = 0;   // makes progress; throws like wait()
    virtual void wait() = 0;
  };

  Request() = default;   // finished
  explicit Request(std::unique_ptr<Operation> operation) : operation_(std::move(operation)) {}
  Request(Request&&) noexcept = default;
  Request& operator=(Request&& other) noexcept;
  ~Request();

  bool finished();
  void wait();

 private:
  std::unique_ptr<Operation> operation_;
};

class Communicator {
 public:
  virtual ~Communicator() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual int ranks_on_host() const = 0;   // ranks that share this rank's machine, itself among them

  // all: (size() * n), rank r's n elements at r * n; mine: (n), the same n on every rank.
  template <class T>
  Request all_gather(std::span<const T> mine, std::span<T> all);
  // inout: (n); afterwards the reduction over all ranks, the same bits on each.
  template <class T>
  Request all_reduce(std::span<T> inout, ReduceOp op = ReduceOp::kSum);
  // all: (size() * n); mine: (n), afterwards the reduction over the ranks of their elements rank() * n ….
  template <class T>
  Request reduce_scatter(std::span<const T> all, std::span<T> mine, ReduceOp op = ReduceOp::kSum);
  // inout: (n); afterwards root's elements.
  template <class T>
  Request broadcast(std::span<T> inout, int root);
  Request barrier();

  // A further channel over the same ranks. Collective: every rank calls it.
  virtual std::unique_ptr<Communicator> open_channel(const std::string& name) = 0;

  const Traffic& traffic() const { return traffic_; }

 protected:
  // One started operation, untyped. `count` is the number of elements of the smaller of the two buffers
  // (mine, or the whole vector where there is one only); `send` is null for in-place operations.
  struct Call {
    Collective collective = Collective::kBarrier;
    const void* send = nullptr;
    void* receive = nullptr;
    int64_t count = 0;
    DataType type = DataType::kByte;
    ReduceOp op = ReduceOp::kSum;
    int root = 0;
  };
  virtual Request start(const Call& call) = 0;

 private:
  Request count_and_start(const Call& call, int64_t bytes);
  Traffic traffic_;
};

}  // namespace partialfc

#include "partialfc/comm/communicator_inl.h"
