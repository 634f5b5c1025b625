// A layer whose rows lie in the host's memory, in use in frames on the device, does what one does whose rows lie there.
#include <cmath>
#include <optional>

#include "partialfc/comm/device_ranks.h"
#include "partialfc/device/test_device.h"
#include "partialfc/head/device_visits.h"
#include "partialfc/head/partial_fc_fixture.h"

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
    layer->begin_update(kRate);  // beside what follows
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

}  // namespace
}  // namespace partialfc
