#include "partialfc/comm/communicator.h"

#include <algorithm>
#include <array>
#include <vector>

namespace partialfc {
namespace {

using ChannelName = std::array<char, 64>;  // padded with zeros

}  // namespace

void CommunicatorOptions::check() const {
  if (timeout.count() <= 0) fail_usage("communication time-out {} ms: must be positive", timeout.count());
  if (heartbeat.count() != 0 && heartbeat < std::chrono::seconds(1))
    fail_usage("heartbeat {} ms: must be at least 1000, or 0 for none", heartbeat.count());
}

Request Communicator::begin(bool device, const CollectiveCall& call, std::optional<int64_t> whole) {
  PFC_CHECK(device == on_device(), "{} on channel {}: {} of a device", describe(call), name_,
            device ? "its buffers are" : "the channel is");
  PFC_CHECK(!whole || *whole == call.count * size(),
            "{} on channel {}: {} elements a rank on {} ranks, but {} in all", name_of(call.collective),
            name_, call.count, size(), *whole);
  return count_and_start(call);
}

Request Communicator::count_and_start(const CollectiveCall& call) {
  PFC_CHECK(call.root >= 0 && call.root < size(), "{} on channel {} of {} ranks", describe(call), name_,
            size());
  const bool result_of_all_ranks = call.collective == Collective::kAllGather ||
                                   call.collective == Collective::kReduceScatter ||
                                   call.collective == Collective::kOpenChannel;
  Traffic::Entry& entry = traffic_[call.collective];
  entry.calls += 1;
  entry.bytes += call.bytes() * (result_of_all_ranks ? size() : 1);
  Request request = start(call);
  request.waited_ = waited_;
  return request;
}

std::unique_ptr<Communicator> Communicator::open_channel(const std::string& name) {
  ChannelName mine{};
  PFC_CHECK(name.size() < mine.size(), "channel name {} has {} bytes, at most {} are allowed", name,
            name.size(), mine.size() - 1);
  std::copy(name.begin(), name.end(), mine.begin());
  std::vector<ChannelName> all(size());
  count_and_start({Collective::kOpenChannel, mine.data(), all.data(), std::ssize(mine), DataType::kByte})
      .wait();
  for (int r = 0; r < size(); ++r) {
    PFC_CHECK(all[r] == mine, "rank {} opens channel {} where rank {} opens channel {}", rank(), mine.data(),
              r, all[r].data());
  }
  return duplicate(name);
}

}  // namespace partialfc
