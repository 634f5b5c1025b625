// What a step over a device asks of the host and of the device, and a batch that lies on it.
#include <cmath>

#include "partialfc/comm/device_ranks.h"
#include "partialfc/comm/thread_ranks.h"
#include "partialfc/device/simt/control.h"
#include "partialfc/device/test_device.h"
#include "partialfc/head/device_visits.h"
#include "partialfc/head/partial_fc.h"
#include "partialfc/head/partial_fc_cases.h"

namespace partialfc {

namespace {

constexpr int64_t kRows = 16, kDim = 24, kTileClasses = 128;

// A rank's layer and its batch, all on the device.
class RankOnDevice {
 public:
  RankOnDevice(const PartialFCOptions& options, Communicator& comm, int64_t frame_bytes = 0,
               bool ahead = true)
      : channel_(open_device_channel(comm, "head", stream_)),
        head_(options, *channel_,
              make_device_visits(options, share_of(options, comm),
                                 {.stream = &stream_,
                                  .messages_on_device = true,
                                  .tile_classes = kTileClasses,
                                  .frame_bytes = frame_bytes,
                                  .bring_ahead = ahead})) {}

  StepResult forward(int64_t step, const Matrix<float>& x, const std::vector<int64_t>& labels) {
    copy<float>(std::span(x.data(), x.size()), features_.span(), stream_);
    copy<int64_t>(labels, labels_.span(), stream_);
    return head_.forward(step,
                         {features_.matrix(kRows, kDim), labels_.span(), gradients_.matrix(kRows, kDim)});
  }
  // As a trainer does: the next step comes after it, the host goes on.
  void update_beside() { head_.begin_update(kRate).then(stream_); }
  std::vector<float> gradients() {
    head_.wait_for_messages();
    return to_host(gradients_.span(), stream_);
  }
  PartialFC& head() { return head_; }

 private:
  Stream stream_;
  std::unique_ptr<Communicator> channel_;
  PartialFC head_;
  DeviceBuffer<float> features_{kRows * kDim}, gradients_{kRows * kDim};
  DeviceBuffer<int64_t> labels_{kRows};
};

PartialFCOptions options_for(Precision precision, int64_t kept_bytes = int64_t{1} << 30) {
  return {.num_classes = 1000,
          .dim = kDim,
          .max_batch = kRows,
          .sample_rate = 0.4,
          .precision = precision,
          .kept_bytes = kept_bytes};
}

TEST(DeviceVisits, TheHostWaitsOnceAndNothingIsAllocated) {
  constexpr int kSteps = 3;
  for (const int ranks : {1, 2})
    for (const Precision precision : {Precision::kFloat32, Precision::kBFloat16})
      for (const int64_t kept_bytes : {int64_t{0}, int64_t{1} << 30}) {
        const PartialFCOptions options = options_for(precision, kept_bytes);
        simt::Counts before;
        run_ranks(ranks, [&](Communicator& comm) {
          RankOnDevice rank(options, comm);
          const auto steps = [&](int64_t first, int64_t last) {
            for (int64_t step = first; step < last; ++step) {
              const int64_t seed = 2 * step + comm.rank();
              rank.forward(step, random_features(kRows, kDim, seed), random_labels(kRows, 1000, seed));
              rank.update_beside();
            }
            comm.barrier().wait();
          };
          steps(0, 1);
          if (comm.rank() == 0) before = simt::counts();
          comm.barrier().wait();
          steps(1, 1 + kSteps);
        });
        const simt::Counts after = simt::counts();
        EXPECT_EQ(after.allocations, before.allocations);
        // One a step; and streams are waited for at the end, before they go.
        EXPECT_EQ(after.waits - before.waits, kSteps * ranks);
        const ClassPlacement placement(options.num_classes, options.seed);
        const int64_t capacity = DeviceActivation::capacity_of(
                          placement, placement.blocks_of_rank(0, ranks),
                          ClassSampler(placement, options.sample_rate, options.seed), kRows * ranks),
                      tiles = (capacity + kTileClasses - 1) / kTileClasses;
        // Where no E is kept the second visit makes it again, and U is a product a tile.
        const int64_t of_tile = kept_bytes > 0 ? 5 : 9, of_batch = 2,
                      of_collectives = ranks > 1 ? ranks + 2 + 1 : 0;
        EXPECT_LE(after.queued - before.queued,
                  kSteps * ranks * (15 + of_tile * tiles + of_batch + of_collectives))
            << ranks << " ranks, " << kept_bytes << " bytes, " << tiles << " tiles";
      }
}

TEST(DeviceVisits, SumsOverSeveralForwardsAllocateOnce) {
  const PartialFCOptions options = options_for(Precision::kFloat32);
  run_ranks(1, [&](Communicator& comm) {
    RankOnDevice rank(options, comm);
    int64_t allocations = 0;
    for (int64_t step = 0; step < 6; ++step) {
      rank.forward(step, random_features(kRows, kDim, step), random_labels(kRows, 1000, step));
      if (step % 2 == 0) continue;
      rank.update_beside();
      if (step == 1) allocations = simt::counts().allocations;
    }
    EXPECT_EQ(simt::counts().allocations, allocations);
  });
}

TEST(DeviceVisits, RowsInTheHostsMemoryTakeThreeLaunchesAndNoWait) {
  constexpr int kSteps = 3;
  const PartialFCOptions options = options_for(Precision::kFloat32);
  run_ranks(1, [&](Communicator& comm) {
    const auto counted = [&](int64_t frame_bytes, bool ahead) {  // of some steps
      RankOnDevice rank(options, comm, frame_bytes, ahead);
      const auto steps = [&](int64_t first, int64_t last) {
        for (int64_t step = first; step < last; ++step) {
          rank.forward(step, random_features(kRows, kDim, step), random_labels(kRows, 1000, step));
          rank.update_beside();
        }
      };
      steps(0, 1);
      const simt::Counts before = simt::counts();
      steps(1, 1 + kSteps);
      const simt::Counts after = simt::counts();
      return simt::Counts{after.queued - before.queued, after.waits - before.waits,
                          after.allocations - before.allocations};
    };
    const simt::Counts on_device = counted(0, true);
    for (const bool ahead : {false, true}) {
      const simt::Counts in_frames = counted(200 << 10, ahead);
      EXPECT_EQ(in_frames.waits, on_device.waits);
      EXPECT_EQ(in_frames.allocations, 0);
      EXPECT_EQ(in_frames.queued - on_device.queued, kSteps * (ahead ? 3 + 4 + 3 : 3));
    }
  });
}

TEST(DeviceVisits, FramesThatAreTooFewAreNamed) {
  constexpr int64_t kRecordBytes = 2 * kDim * sizeof(float);
  const PartialFCOptions options = options_for(Precision::kFloat32);
  run_ranks(1, [&](Communicator& comm) {
    const auto forward = [&](RankOnDevice& rank) {
      return rank.forward(0, random_features(kRows, kDim, 0), std::vector<int64_t>(kRows, 7)).active;
    };
    RankOnDevice on_device(options, comm);
    const int64_t active = forward(on_device);
    RankOnDevice enough(options, comm, active * kRecordBytes), rank(options, comm, active * kRecordBytes - 1);
    EXPECT_EQ(forward(enough), active);
    for (int time = 0; time < 2; ++time) try {
        forward(rank);
        ADD_FAILURE() << "nothing thrown";
      } catch (const Error& error) {
        EXPECT_EQ(
            std::string(error.what()),
            fmt::format("{} frames of {} bytes on the device are 1 too few for the rows of a step, {} active "
                        "classes of this rank beside those of forwards that wait for their update: give "
                        "frame_bytes of at least {}",
                        active - 1, kRecordBytes, active, active * kRecordBytes));
      }
  });
}

// A batch on the device and one on the host are the same to the layer.
TEST(DeviceVisits, FeaturesOnTheDeviceAreThoseOfTheHost) {
  const PartialFCOptions options = options_for(Precision::kFloat32);
  run_ranks(2, [&](Communicator& comm) {
    RankOnDevice on_device(options, comm), from_host(options, comm);
    for (int64_t step = 0; step < 3; ++step) {
      const Matrix<float> x = random_features(kRows, kDim, 2 * step + comm.rank());
      const auto labels = random_labels(kRows, options.num_classes, 2 * step + comm.rank());
      Matrix<float> gradients(kRows, kDim);
      const StepResult result = on_device.forward(step, x, labels),
                       expected = from_host.head().forward(step, x.view(), labels, gradients.view());
      EXPECT_EQ(result.loss, expected.loss);
      EXPECT_EQ(result.samples, expected.samples);
      EXPECT_EQ(on_device.gradients(),
                std::vector<float>(gradients.data(), gradients.data() + gradients.size()));
      on_device.update_beside();
      from_host.head().update(kRate);
    }
    ThreadTeam team(1);
    EXPECT_EQ(own_records(on_device.head(), team), own_records(from_host.head(), team));
  });
}

TEST(DeviceVisits, AnObserverIsToldOfEveryRowOnce) {
  struct Observer final : RowObserver {
    std::vector<int64_t> seen;
    void before_change(std::span<const int64_t> slots) override { seen.assign(slots.begin(), slots.end()); }
  } observer;
  PartialFCOptions options = options_for(Precision::kFloat32);
  options.sample_rate = 1;
  run_ranks(1, [&](Communicator& comm) {
    RankOnDevice rank(options, comm);
    rank.head().observe_rows(&observer);
    for (int64_t step = 0; step < 2; ++step)
      rank.forward(step, random_features(kRows, kDim, step), random_labels(kRows, 1000, step));
    rank.update_beside();
  });
  std::vector<int64_t> all(1000);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(observer.seen, all);
}

TEST(DeviceVisits, GradientsOfWhatIsNotFiniteAreZero) {
  const PartialFCOptions options = options_for(Precision::kFloat32);
  run_ranks(1, [&](Communicator& comm) {
    RankOnDevice rank(options, comm);
    Matrix<float> x = random_features(kRows, kDim, 0);
    x(3, 3) = NAN;
    EXPECT_FALSE(rank.forward(0, x, random_labels(kRows, options.num_classes, 0)).finite);
    EXPECT_EQ(rank.gradients(), std::vector<float>(kRows * kDim, 0.0f));
  });
}

TEST(DeviceVisits, ABadLabelOnTheDeviceIsNamed) {
  const PartialFCOptions options = options_for(Precision::kFloat32);
  run_ranks(1, [&](Communicator& comm) {
    RankOnDevice rank(options, comm);
    const Matrix<float> x = random_features(kRows, kDim, 0);
    std::vector<int64_t> labels(kRows, 7);
    labels[5] = 1000;
    try {
      rank.forward(0, x, labels);
      ADD_FAILURE() << "nothing thrown";
    } catch (const Error& error) {
      EXPECT_STREQ(
          error.what(),
          "row 5: its label is none of 1000 classes; labels are 0 ... 999, or -1 for a row to leave out");
    }
    labels[5] = 999;  // and the next step is as if nothing had been
    EXPECT_TRUE(rank.forward(0, x, labels).finite);
  });
}

}  // namespace
}  // namespace partialfc
