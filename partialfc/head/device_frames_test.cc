// A layer whose rows lie in the host's memory, in use in frames on the device, does what one does whose rows lie there.
#include <cmath>
#include <cstring>

#include "partialfc/comm/device_ranks.h"
#include "partialfc/device/test_device.h"
#include "partialfc/head/device_visits.h"
#include "partialfc/head/partial_fc_cases.h"

namespace partialfc {

namespace {

constexpr int64_t kRows = 8, kDim = 8,
                  kClasses = 12'288;  // blocks of three classes: a third of the negatives stays

PartialFCOptions options_for(Precision precision) {
  return {.num_classes = kClasses,
          .dim = kDim,
          .max_batch = kRows,
          .sample_rate = 0.01,
          .seed = kSeed,
          .precision = precision};
}

int64_t capacity_of(const PartialFCOptions& options, int rank, int ranks) {
  const ClassPlacement placement(options.num_classes, options.seed);
  return DeviceActivation::capacity_of(placement, placement.blocks_of_rank(rank, ranks),
                                       ClassSampler(placement, options.sample_rate, options.seed),
                                       kRows * ranks);
}

struct Frames {
  int64_t capacities = 0;  // how many steps' rows there is room for; 0: rows on the device
  bool ahead = true;
};

class Layer {
 public:
  Layer(const PartialFCOptions& options, const Frames& frames, Communicator& comm)
      : record_bytes_(
            RecordLayout{.dim = kDim, .states = options.optimizer.states(), .precision = options.precision}
                .bytes()),
        channel_(open_device_channel(comm, "head", stream_)),
        head_(options, *channel_,
              make_device_visits(options, share_of(options, comm),
                                 {.stream = &stream_,
                                  .messages_on_device = true,
                                  .tile_classes = 64,
                                  .frame_bytes = frames.capacities * record_bytes_ *
                                                 capacity_of(options, comm.rank(), comm.size()),
                                  .bring_ahead = frames.ahead})) {}
  PartialFC* operator->() { return &head_; }
  PartialFC& head() { return head_; }

  // loss and ∂x
  std::vector<float> forward(int64_t step, const Communicator& comm, bool finite = true) {
    const int64_t seed = step * comm.size() + comm.rank();
    Matrix<float> x = random_features(kRows, kDim, seed), gradients(kRows, kDim);
    if (!finite) x(3, 3) = NAN;
    const StepResult result =
        head_.forward(step, x.view(), random_labels(kRows, kClasses, seed), gradients.view());
    EXPECT_EQ(result.finite, finite);
    std::vector<float> out(gradients.data(), gradients.data() + gradients.size());
    if (finite) out.push_back(static_cast<float>(result.loss));
    return out;
  }

 private:
  const int64_t record_bytes_;
  Stream stream_;
  std::unique_ptr<Communicator> channel_;
  PartialFC head_;
};

// Steps of one forward half, one that is not finite, steps of two halves, rows read and written in between: all that comes
// out, and all records.
std::vector<std::vector<float>> outcome(const PartialFCOptions& options, const Frames& frames,
                                        Communicator& comm) {
  std::vector<std::vector<float>> out;
  Layer layer(options, frames, comm);
  ThreadTeam team(1);
  const Range own = layer->store().positions();
  int64_t step = 0;
  for (int i = 0; i < 3; ++i) {
    out.push_back(layer.forward(step++, comm));
    const Request beside = layer->begin_update(kRate);  // what follows
    out.push_back(layer.forward(step++, comm));
    layer->update(kRate);
    out.push_back(layer.forward(step++, comm, i != 1));
    if (frames.capacities != 1) out.push_back(layer.forward(step++, comm));
    layer->update(kRate);
    const std::vector<int64_t> slots = {7, 700, own.size() - 1};
    Matrix<float> rows(std::ssize(slots), layer->store().layout().numbers());
    layer->store().read(slots, rows.view());
    for (int64_t e = 0; e < rows.size(); ++e) rows.data()[e] *= 0.5f;
    layer->store().write(slots, rows.view());
  }
  for (const auto& record : own_records(layer.head(), team)) out.push_back(record);
  return out;
}

class DeviceFramesTest : public DeviceTest, public testing::WithParamInterface<Precision> {};
INSTANTIATE_TEST_SUITE_P(Precisions, DeviceFramesTest,
                         testing::Values(Precision::kFloat32, Precision::kBFloat16), [](const auto& info) {
                           return info.param == Precision::kFloat32 ? "float32" : "bfloat16";
                         });

TEST_P(DeviceFramesTest, NumbersAreThoseOfRowsOnTheDevice) {
  const PartialFCOptions options = options_for(GetParam());
  run_ranks(2, [&](Communicator& comm) {
    const auto expected = outcome(options, {.capacities = 0}, comm);
    for (const Frames& frames : {Frames{2, false}, Frames{2, true}, Frames{4, true}})
      EXPECT_TRUE(outcome(options, frames, comm) == expected)
          << "room for " << frames.capacities << " steps" << (frames.ahead ? ", ahead" : "");
  });
}

// One step's rows just have room, where one forward half waits at a time.
TEST_P(DeviceFramesTest, FramesForOneStepSuffice) {
  const PartialFCOptions options = options_for(GetParam());
  run_ranks(1, [&](Communicator& comm) {
    ThreadTeam team(1);
    Layer on_device(options, {0}, comm), in_frames(options, {1}, comm);
    for (int64_t step = 0; step < 4; ++step) {
      EXPECT_EQ(in_frames.forward(step, comm), on_device.forward(step, comm));
      const Request first = in_frames->begin_update(kRate), second = on_device->begin_update(kRate);
    }
    in_frames.forward(4, comm);  // after the updates
    on_device.forward(4, comm);
    EXPECT_TRUE(own_records(in_frames.head(), team) == own_records(on_device.head(), team));
  });
}

// What the host's memory holds afterwards no longer counts: the rows of the next step's draw have come.
TEST_F(DeviceTest, TheNextStepsRowsHaveCome) {
  constexpr int64_t kBytes = sizeof(int64_t), kStep = 5;
  const PartialFCOptions options = options_for(Precision::kFloat32);
  const ClassPlacement placement(options.num_classes, options.seed);
  const RankShare share{.blocks = placement.blocks_of_rank(0, 1)};
  DeviceActivation activation(placement, share.blocks,
                              ClassSampler(placement, options.sample_rate, options.seed), kRows);
  const DeviceBuffer<int64_t> labels = to_device(std::vector<int64_t>{5, -1, 7, 5, -1, -1, -1, 9000});
  DeviceFrames frames(kClasses, kBytes, 3 * activation.capacity() * kBytes);
  const auto fill = [&](int64_t factor) {
    for (int64_t slot = 0; slot < kClasses; ++slot) {
      const int64_t value = factor * slot;
      std::memcpy(&frames.host_records()[slot * kBytes], &value, kBytes);
    }
  };
  fill(1);
  DeviceBring bring(options, share, frames, true);
  const DeviceBuffer<int32_t> count(1), lacking(1), places(activation.capacity());
  Stream stream;
  const auto bring_step = [&](int64_t step) {
    activation.activate(step, labels.span(), count.span(), stream);
    bring(step, activation.active().slots, bring.next(), places.span(), lacking.span(), stream);
    EXPECT_EQ(to_host(lacking.span(), stream), std::vector<int32_t>{0});
    frames.background().synchronize();
  };
  bring_step(kStep);
  const auto before = to_host(activation.active().slots, stream);
  fill(-1);
  bring_step(kStep + 1);
  const auto slots = to_host(activation.active().slots, stream), at = to_host(places.span(), stream);
  EXPECT_NE(slots, before);
  const auto bytes = to_host(frames.records(), stream);
  for (size_t j = 0; j < slots.size(); ++j) {
    if (slots[j] < 0) continue;
    int64_t value = 0;
    std::memcpy(&value, &bytes[at[j] * kBytes], kBytes);
    EXPECT_EQ(value, slots[j]);
  }
}

}  // namespace
}  // namespace partialfc
