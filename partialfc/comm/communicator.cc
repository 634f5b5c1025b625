#include "partialfc/comm/communicator.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <vector>

namespace partialfc {
namespace {

using ChannelName = std::array<char, 64>;  // padded with zeros

// The result of any operation on a group of one rank.
void run_alone(const CollectiveCall& call) {
  if (call.send && call.count > 0) std::memcpy(call.receive, call.send, call.bytes());
}

}  // namespace

Traffic::Entry Traffic::total() const {
  Entry sum;
  for (const Entry& entry : entries) sum.calls += entry.calls, sum.bytes += entry.bytes;
  return sum;
}

Request::Request(std::unique_ptr<Operation> operation)
    : operation_(std::move(operation)), exceptions_at_start_(std::uncaught_exceptions()) {}

Request& Request::operator=(Request&& other) noexcept {
  if (this != &other) {
    settle();
    operation_ = std::move(other.operation_);
    waited_ = std::move(other.waited_);
    exceptions_at_start_ = other.exceptions_at_start_;
  }
  return *this;
}

bool Request::finished() {
  if (operation_ && operation_->finished()) operation_.reset();
  return !operation_;
}

void Request::wait() {
  const auto operation = std::move(operation_);
  if (!operation) return;
  const auto began = std::chrono::steady_clock::now();
  operation->wait();
  if (waited_) *waited_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

void Request::settle() noexcept {
  if (std::uncaught_exceptions() > exceptions_at_start_) {
    operation_.reset();
    return;
  }
  try {
    wait();
  } catch (...) {
    // The group has failed: its next operation says so.
  }
}

void Communicator::Options::check() const {
  if (timeout.count() <= 0) fail_usage("communication time-out {} ms: must be positive", timeout.count());
  if (heartbeat.count() != 0 && heartbeat < std::chrono::seconds(1))
    fail_usage("heartbeat {} ms: must be at least 1000, or 0 for none", heartbeat.count());
}

void Communicator::check_parts(Collective collective, size_t part, size_t whole) const {
  PFC_CHECK(whole == part * size(), "{} on channel {}: {} elements a rank on {} ranks, but {} in all",
            name_of(collective), name_, part, size(), whole);
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
  if (size() == 1) {
    run_alone(call);
    return {};
  }
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
