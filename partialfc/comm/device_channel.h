// What channels over the memory of a device have in common: they know their ranks from a channel of the host's beside them,
// the bootstrap, which also exchanges the names of new channels. Internal to comm/.
#pragma once

#include <chrono>
#include <memory>
#include <thread>

#include "partialfc/comm/communicator.h"
#include "partialfc/device/stream.h"

namespace partialfc {

// Looks at something of a device until it is done: at first without a pause.
template <class IsDone>
void look_until(IsDone&& is_done) {
  constexpr std::chrono::microseconds kWithoutPause(200), kPause(10);
  const auto begin = std::chrono::steady_clock::now();
  while (!is_done())
    if (std::chrono::steady_clock::now() - begin > kWithoutPause) std::this_thread::sleep_for(kPause);
}

class DeviceChannel : public Communicator {
 public:
  DeviceChannel(std::unique_ptr<Communicator> bootstrap, Stream& stream)
      : Communicator(bootstrap->name()), bootstrap_(std::move(bootstrap)), stream_(stream) {}

  int rank() const override { return bootstrap_->rank(); }
  int size() const override { return bootstrap_->size(); }
  int ranks_on_host() const override { return bootstrap_->ranks_on_host(); }
  const std::string& host_of(int rank) const override { return bootstrap_->host_of(rank); }
  bool on_device() const override { return true; }
  std::unique_ptr<Watch> watch(const CollectiveCall& call) override { return bootstrap_->watch(call); }

 protected:
  // Any operation but kOpenChannel.
  virtual Request start_on_device(const CollectiveCall& call) = 0;

  Request start(const CollectiveCall& call) final {
    if (call.collective != Collective::kOpenChannel) return start_on_device(call);
    const size_t bytes = static_cast<size_t>(call.bytes());  // of names, in the host's memory
    return bootstrap_->all_gather(std::span(static_cast<const std::byte*>(call.send), bytes),
                                  std::span(static_cast<std::byte*>(call.receive), bytes * size()));
  }

  Communicator& bootstrap() { return *bootstrap_; }
  Stream& stream() { return stream_; }

 private:
  const std::unique_ptr<Communicator> bootstrap_;
  Stream& stream_;
};

}  // namespace partialfc
