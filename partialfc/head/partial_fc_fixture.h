// The layers that the tests of PartialFC test: one over each kind of visits. For tests only.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <vector>

#include "partialfc/comm/communicator.h"
#include "partialfc/device/stream.h"
#include "partialfc/head/partial_fc.h"
#include "partialfc/head/visits.h"

namespace partialfc {

// An implementation of the visits: what is tested over any of them gets its layer from here.
struct VisitsKind {
  // Where the layer's messages go: for visits on a device a channel of it, else none.
  using MakeChannel = std::unique_ptr<Communicator> (*)(Communicator&, Stream&);
  using MakeVisits = std::unique_ptr<Visits> (*)(const PartialFCOptions&, const RankShare&, ThreadTeam&,
                                                 Stream*);

  const char* name = "";
  MakeVisits make = nullptr;
  MakeChannel channel = nullptr;
  int most_threads = 1;   // with which it has something to do
  bool has_bf16 = false;  // here
  bool needs_device = false;
};

// A layer with what it stands on.
class TestLayer {
 public:
  TestLayer(const VisitsKind& kind, const PartialFCOptions& options, Communicator& comm, ThreadTeam& team)
      : stream_(kind.needs_device ? std::make_unique<Stream>() : nullptr),
        channel_(kind.channel != nullptr ? kind.channel(comm, *stream_) : nullptr),
        comm_(channel_ ? *channel_ : comm),
        head_(options, comm_, kind.make(options, share_of(options, comm), team, stream_.get())) {}

  Communicator& comm() { return comm_; }  // the layer's own
  operator PartialFC&() { return head_; }
  PartialFC* operator->() { return &head_; }

 private:
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<Communicator> channel_;
  Communicator& comm_;
  PartialFC head_;
};

inline void PrintTo(const VisitsKind& kind, std::ostream* out) { *out << kind.name; }

// Those of the program that runs: the host's (host_visits_kinds.cc), or a device's (device_visits_kinds.cc).
const std::vector<VisitsKind>& visits_kinds();

// Those that need a device are not run where there is none.
inline void skip_without_device(const VisitsKind& visits) {
  if (visits.needs_device && runtime::device_count() == 0) GTEST_SKIP() << "no GPU";
}
class VisitsTest : public testing::TestWithParam<VisitsKind> {
 protected:
  void SetUp() override { skip_without_device(GetParam()); }
};

}  // namespace partialfc
