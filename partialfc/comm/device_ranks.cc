#include "partialfc/comm/device_ranks.h"

#include <vector>

#include "partialfc/base/error.h"
#include "partialfc/comm/device_channel.h"
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
  void wait() override {
    look_until([this] { return done_.is_done(); });
  }
  void come_before(Stream& stream) override {
    if (&stream != &stream_) stream.wait(done_);
  }

 private:
  Stream& stream_;
  Event done_;
};

class DeviceRanks final : public DeviceChannel {
 public:
  DeviceRanks(std::unique_ptr<Communicator> bootstrap, Stream& stream)
      : DeviceChannel(std::move(bootstrap), stream) {}

 protected:
  Request start_on_device(const CollectiveCall& call) override;
  std::unique_ptr<Communicator> duplicate(const std::string& name) override {
    return std::make_unique<DeviceRanks>(bootstrap().open_channel(name), stream());
  }

 private:
  void perform(const std::vector<Announcement>& peers);
  void copy_bytes(void* to, const void* from, int64_t bytes) {
    if (bytes > 0 && to != from) runtime::copy(to, from, bytes, stream().handle());
  }
  DeviceBuffer<std::byte>& scratch(int64_t bytes) {
    if (scratch_.size() < bytes) {
      stream().synchronize();
      scratch_ = DeviceBuffer<std::byte>(bytes);
    }
    return scratch_;
  }

  Event ready_, read_;
  DeviceBuffer<std::byte> scratch_;  // of all_reduce
};

Request DeviceRanks::start_on_device(const CollectiveCall& call) {
  const Announcement mine{call, &ready_, &read_};
  std::vector<Announcement> peers(size());
  ready_.record(stream());
  bootstrap().all_gather(std::as_bytes(std::span(&mine, 1)), std::as_writable_bytes(std::span(peers))).wait();
  for (int r = 0; r < size(); ++r)
    PFC_CHECK(same_operation(peers[r].call, call), "channel {}: rank {} calls {}, rank {} called {}", name(),
              rank(), describe(call), r, describe(peers[r].call));
  for (int r = 0; r < size(); ++r)
    if (r != rank()) stream().wait(*peers[r].ready);
  perform(peers);
  // Nobody may change what a peer still reads.
  read_.record(stream());
  bootstrap().barrier().wait();
  for (int r = 0; r < size(); ++r)
    if (r != rank()) stream().wait(*peers[r].read);
  if (call.collective == Collective::kAllReduce && size() > 1)
    copy_bytes(call.receive, scratch_.span().address, call.bytes());
  bootstrap().barrier().wait();  // the events are free again
  return Request(std::make_unique<DeviceOperation>(stream()));
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
      if (bytes > 0) reduce_on_device(sources, to, call.count, call.type, call.op, stream());
      break;
    case Collective::kAllReduce:
      if (size() == 1) return;
      for (int r = 0; r < size(); ++r) sources.sources[r] = peers[r].call.receive;
      if (bytes > 0)
        reduce_on_device(sources, scratch(bytes).span().address, call.count, call.type, call.op, stream());
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
