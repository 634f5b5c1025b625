#include "partialfc/comm/device_ranks.h"

#include <vector>

#include "partialfc/base/error.h"
#include "partialfc/comm/device_reduce.h"
#include "partialfc/device/buffer.h"

namespace partialfc {

namespace {

// What a rank tells its peers of an operation.
struct Announcement {
  CollectiveCall call;
  const Event* ready = nullptr;  // its buffers are
  const Event* read = nullptr;   // it has read the peers'
};

class DeviceOperation final : public Request::Operation {
 public:
  explicit DeviceOperation(Stream& stream) : stream_(stream), done_(stream) {}
  bool finished() override { return done_.is_done(); }
  void wait() override { done_.synchronize(); }
  void then(Stream& stream) override {
    if (&stream != &stream_) stream.wait(done_);
  }

 private:
  Stream& stream_;
  Event done_;
};

class DeviceRanks final : public Communicator {
 public:
  DeviceRanks(std::unique_ptr<Communicator> bootstrap, Stream& stream)
      : Communicator(bootstrap->name()), bootstrap_(std::move(bootstrap)), stream_(stream) {}

  int rank() const override { return bootstrap_->rank(); }
  int size() const override { return bootstrap_->size(); }
  int ranks_on_host() const override { return bootstrap_->ranks_on_host(); }
  const std::string& host_of(int rank) const override { return bootstrap_->host_of(rank); }
  bool on_device() const override { return true; }
  std::unique_ptr<Watch> watch(const CollectiveCall& call) override { return bootstrap_->watch(call); }

 protected:
  Request start(const CollectiveCall& call) override;
  std::unique_ptr<Communicator> duplicate(const std::string& name) override {
    return std::make_unique<DeviceRanks>(bootstrap_->open_channel(name), stream_);
  }

 private:
  void perform(const std::vector<Announcement>& peers);
  void copy_bytes(void* to, const void* from, int64_t bytes) {
    if (bytes > 0 && to != from) runtime::copy(to, from, bytes, stream_.handle());
  }
  DeviceBuffer<std::byte>& scratch(int64_t bytes) {
    if (scratch_.size() < bytes) {
      stream_.synchronize();
      scratch_ = DeviceBuffer<std::byte>(bytes);
    }
    return scratch_;
  }

  const std::unique_ptr<Communicator> bootstrap_;
  Stream& stream_;
  Event ready_, read_;
  DeviceBuffer<std::byte> scratch_;  // of all_reduce
};

Request DeviceRanks::start(const CollectiveCall& call) {
  if (call.collective == Collective::kOpenChannel) {  // of names, in the host's memory
    const size_t bytes = static_cast<size_t>(call.bytes());
    return bootstrap_->all_gather(std::span(static_cast<const std::byte*>(call.send), bytes),
                                  std::span(static_cast<std::byte*>(call.receive), bytes * size()));
  }
  const Announcement mine{call, &ready_, &read_};
  std::vector<Announcement> peers(size());
  ready_.record(stream_);
  bootstrap_->all_gather(std::as_bytes(std::span(&mine, 1)), std::as_writable_bytes(std::span(peers))).wait();
  for (int r = 0; r < size(); ++r)
    PFC_CHECK(same_operation(peers[r].call, call), "channel {}: rank {} calls {}, rank {} called {}", name(),
              rank(), describe(call), r, describe(peers[r].call));
  for (int r = 0; r < size(); ++r)
    if (r != rank()) stream_.wait(*peers[r].ready);
  perform(peers);
  // Nobody may change what a peer still reads.
  read_.record(stream_);
  bootstrap_->barrier().wait();
  for (int r = 0; r < size(); ++r)
    if (r != rank()) stream_.wait(*peers[r].read);
  if (call.collective == Collective::kAllReduce && size() > 1)
    copy_bytes(call.receive, scratch_.span().address, call.bytes());
  bootstrap_->barrier().wait();  // the events are free again
  return Request(std::make_unique<DeviceOperation>(stream_));
}

void DeviceRanks::perform(const std::vector<Announcement>& peers) {
  const CollectiveCall& call = peers[rank()].call;
  const int64_t bytes = call.bytes();
  auto* const to = static_cast<std::byte*>(call.receive);
  ReducedSources sources{.count = size()};
  switch (call.collective) {
    case Collective::kAllGather:
      for (int r = 0; r < size(); ++r) copy_bytes(to + r * bytes, peers[r].call.send, bytes);
      break;
    case Collective::kReduceScatter:
      if (size() == 1) return copy_bytes(to, call.send, bytes);
      for (int r = 0; r < size(); ++r)
        sources.sources[r] = static_cast<const std::byte*>(peers[r].call.send) + rank() * bytes;
      if (bytes > 0) reduce_on_device(sources, to, call.count, call.type, call.op, stream_);
      break;
    case Collective::kAllReduce:
      if (size() == 1) return;
      for (int r = 0; r < size(); ++r) sources.sources[r] = peers[r].call.receive;
      if (bytes > 0)
        reduce_on_device(sources, scratch(bytes).span().address, call.count, call.type, call.op, stream_);
      break;
    case Collective::kBroadcast:
      copy_bytes(to, peers[call.root].call.receive, bytes);
      break;
    case Collective::kBarrier:
    case Collective::kOpenChannel:
      break;
  }
}

}  // namespace

std::unique_ptr<Communicator> open_device_channel(Communicator& bootstrap, const std::string& name,
                                                  Stream& stream) {
  if (bootstrap.size() > kMostReduced)
    fail_usage("{} ranks share a device, at most {} can", bootstrap.size(), kMostReduced);
  return std::make_unique<DeviceRanks>(bootstrap.open_channel(name), stream);
}

}  // namespace partialfc
