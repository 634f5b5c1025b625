// The messages of a step's collectives as a device has them: where the communicator is on the device too they go as they are,
// else through the host's memory, which then waits for them. Internal to head/.
#pragma once

#include <vector>

#include "partialfc/device/buffer.h"
#include "partialfc/head/visits.h"

namespace partialfc {

class DeviceMessages {
 public:
  // Of up to `part` floats a rank, and sums of up to `sums`. The stream outlives the object.
  DeviceMessages(int64_t part, int ranks, int64_t sums, bool on_device, Stream& stream)
      : ranks_(ranks),
        on_device_(on_device),
        stream_(stream),
        mine_(is_alone() ? 0 : part),
        all_(part * ranks),
        sums_(sums),
        host_mine_(on_device ? 0 : part),
        host_all_(on_device ? 0 : part * ranks),
        host_sums_(sums) {}

  // What is queued from here on comes after this collective. On the device the host goes on, and waits before it waits for the
  // stream: a rank that is late or lost is then named, where the stream would wait for ever.
  void after(Request request);
  bool finished();
  void wait();

  DeviceSpan<float> mine(int64_t part) const { return is_alone() ? all_.first(part) : mine_.first(part); }
  DeviceSpan<float> all(int64_t part) const { return all_.first(part * ranks_); }
  DeviceSpan<float> sums() const { return sums_.span(); }
  std::span<const float> host_sums() const { return host_sums_.span(); }

  // A gathering: what this rank has made in mine(), and, afterwards, all().
  Exchange send_mine(int64_t part);
  void receive_all(int64_t part);
  // A scattering of the sum: what this rank has made in all(), and, afterwards, mine().
  Exchange send_all(int64_t part);
  void receive_mine(int64_t part);
  // A reduction of `count` of the sums, from `first` on; read_sums() then has them on the host too, once the stream has been
  // waited for.
  Message send_sums(int64_t first, int64_t count);
  void read_sums(int64_t first, int64_t count);
  // Brings sums that were reduced on the host back to the device.
  void receive_sums(int64_t first, int64_t count);

 private:
  Exchange exchange(int64_t part) const;
  // A rank alone sends itself nothing: its part is all there is.
  bool is_alone() const { return on_device_ && ranks_ == 1; }

  const int ranks_;
  const bool on_device_;
  Stream& stream_;
  DeviceBuffer<float> mine_, all_, sums_;
  PinnedBuffer<float> host_mine_, host_all_, host_sums_;
  std::vector<Request> under_way_;  // oldest first
};

}  // namespace partialfc
