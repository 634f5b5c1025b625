#include "partialfc/comm/staged_ranks.h"

#include <string_view>

#include "partialfc/device/buffer.h"

namespace partialfc {

namespace {

// The operation on the device, and the copy of what came of it.
class StagedOperation final : public Request::Operation {
 public:
  StagedOperation(DeviceBuffer<std::byte> sent, DeviceBuffer<std::byte> received, Request request, void* to,
                  Stream& stream)
      : sent_(std::move(sent)),
        received_(std::move(received)),
        request_(std::move(request)),
        to_(to),
        stream_(stream) {}
  bool finished() override {
    if (!request_.finished()) return false;
    copy_back();
    return true;
  }
  void wait() override {
    request_.wait();
    copy_back();
  }

 private:
  void copy_back() {
    if (received_.size() == 0) return;
    copy(received_.span(), std::span(static_cast<std::byte*>(to_), static_cast<size_t>(received_.size())),
         stream_);
    stream_.synchronize();
  }

  const DeviceBuffer<std::byte> sent_, received_;
  Request request_;
  void* const to_;
  Stream& stream_;
};

class StagedRanks final : public Communicator {
 public:
  StagedRanks(std::unique_ptr<Communicator> channel, Stream& stream)
      : Communicator(channel->name()), channel_(std::move(channel)), stream_(stream) {}

  int rank() const override { return channel_->rank(); }
  int size() const override { return channel_->size(); }
  int ranks_on_host() const override { return channel_->ranks_on_host(); }
  const std::string& host_of(int rank) const override { return channel_->host_of(rank); }
  std::unique_ptr<Watch> watch(const CollectiveCall& call) override { return channel_->watch(call); }

 protected:
  Request start(const CollectiveCall& call) override {
    if (call.type == DataType::kFloat32) return start_as<float>(call);
    if (call.type == DataType::kFloat64) return start_as<double>(call);
    if (call.type == DataType::kInt64) return start_as<int64_t>(call);
    if (call.type == DataType::kBFloat16) return start_as<BFloat16>(call);
    return start_as<std::byte>(call);
  }
  std::unique_ptr<Communicator> duplicate(const std::string& name) override {
    return stage(channel_->open_channel(name), stream_);
  }

 private:
  DeviceBuffer<std::byte> to_device(const void* from, int64_t bytes) {
    DeviceBuffer<std::byte> buffer(bytes);
    if (from != nullptr && bytes > 0)
      copy(std::span(static_cast<const std::byte*>(from), static_cast<size_t>(bytes)), buffer.span(),
           stream_);
    return buffer;
  }

  template <class T>
  Request start_as(const CollectiveCall& call) {
    const int64_t mine = call.bytes(), all = mine * size();
    const bool gathers = call.collective == Collective::kAllGather,
               opens = call.collective == Collective::kOpenChannel;
    const bool scatters = call.collective == Collective::kReduceScatter;
    if (opens) {  // what the wrapped channel does by itself when it is duplicated
      for (int r = 0; r < size(); ++r)
        std::copy_n(static_cast<const std::byte*>(call.send), mine,
                    static_cast<std::byte*>(call.receive) + r * mine);
      return {};
    }
    DeviceBuffer<std::byte> sent = to_device(call.send, call.send == nullptr ? 0 : scatters ? all : mine);
    DeviceBuffer<std::byte> received =
        to_device(call.send == nullptr ? call.receive : nullptr, gathers ? all : mine);
    const auto as = [](const DeviceBuffer<std::byte>& buffer) {
      return DeviceSpan<T>(reinterpret_cast<T*>(buffer.span().address), buffer.size() / int64_t{sizeof(T)});
    };
    Request request;
    if (gathers)
      request = channel_->all_gather<T>(DeviceSpan<const T>(as(sent)), as(received));
    else if (call.collective == Collective::kBroadcast)
      request = channel_->broadcast<T>(as(received), call.root);
    else if (call.collective == Collective::kBarrier)
      request = channel_->barrier();
    else if constexpr (Reducible<T>)
      request = scatters ? channel_->reduce_scatter<T>(DeviceSpan<const T>(as(sent)), as(received), call.op)
                         : channel_->all_reduce<T>(as(received), call.op);
    return Request(std::make_unique<StagedOperation>(std::move(sent), std::move(received), std::move(request),
                                                     call.receive, stream_));
  }

  const std::unique_ptr<Communicator> channel_;
  Stream& stream_;
};

}  // namespace

std::unique_ptr<Communicator> stage(std::unique_ptr<Communicator> channel, Stream& stream) {
  return std::make_unique<StagedRanks>(std::move(channel), stream);
}

std::vector<ConformanceCheck> device_conformance_checks() {
  std::vector<ConformanceCheck> checks = conformance_checks();
  std::erase_if(checks, [](const ConformanceCheck& check) {
    return check.name == std::string_view("Channels") ||
           check.name == std::string_view("ChannelsOfTwoThreads");
  });
  return checks;
}

}  // namespace partialfc
