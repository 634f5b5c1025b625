#include "partialfc/head/device_messages.h"

#include <utility>

namespace partialfc {

void DeviceMessages::after(Request request) {
  if (!on_device_) return request.wait();
  request.come_before(stream_);
  under_way_.push_back(std::move(request));
}

bool DeviceMessages::finished() {
  std::erase_if(under_way_, [](Request& request) { return request.finished(); });
  return under_way_.empty();
}

void DeviceMessages::wait() {
  for (Request& request : under_way_) request.wait();
  under_way_.clear();
}

Exchange DeviceMessages::exchange(int64_t part) const {
  if (on_device_) return {.device_mine = mine(part), .device_all = all(part)};
  return {.mine = host_mine_.span().first(part), .all = host_all_.span().first(part * ranks_)};
}

Exchange DeviceMessages::send_mine(int64_t part) {
  if (!on_device_) {
    copy<float>(mine(part), host_mine_.span().first(part), stream_);
    stream_.synchronize();
  }
  return exchange(part);
}

void DeviceMessages::receive_all(int64_t part) {
  if (!on_device_) copy<float>(host_all_.span().first(part * ranks_), all(part), stream_);
}

Exchange DeviceMessages::send_all(int64_t part) {
  if (!on_device_) {
    copy<float>(all(part), host_all_.span().first(part * ranks_), stream_);
    stream_.synchronize();
  }
  return exchange(part);
}

void DeviceMessages::receive_mine(int64_t part) {
  if (!on_device_) copy<float>(host_mine_.span().first(part), mine(part), stream_);
}

Message DeviceMessages::send_sums(int64_t first, int64_t count) {
  const DeviceSpan<float> place = sums().part(first, count);
  if (on_device_) return {.device = place};
  const std::span<float> host = host_sums_.span().subspan(first, count);
  copy<float>(place, host, stream_);
  stream_.synchronize();
  return {.host = host};
}

void DeviceMessages::read_sums(int64_t first, int64_t count) {
  if (on_device_) copy<float>(sums().part(first, count), host_sums_.span().subspan(first, count), stream_);
}

void DeviceMessages::receive_sums(int64_t first, int64_t count) {
  if (!on_device_) copy<float>(host_sums_.span().subspan(first, count), sums().part(first, count), stream_);
}

}  // namespace partialfc
