// Checkpoints of centers that lie on a device: saved there and read here, the other way, and beside steps.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <utility>

#include "partialfc/base/test_support.h"
#include "partialfc/checkpoint/center_files.h"
#include "partialfc/checkpoint/center_snapshot.h"
#include "partialfc/checkpoint/living_rows.h"
#include "partialfc/comm/device_ranks.h"
#include "partialfc/head/device_visits.h"
#include "partialfc/head/partial_fc_cases.h"
#include "partialfc/kernels/bfloat16_gemm.h"

namespace partialfc {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kRows = 8;

const VisitsKind kHost{.name = "host",
                       .make = [](const PartialFCOptions& options, const RankShare& share, ThreadTeam& team,
                                  Stream*) { return make_cpu_visits(options, share, team); }};
template <int64_t kFrameBytes>
std::unique_ptr<Visits> make_on_device(const PartialFCOptions& options, const RankShare& share, ThreadTeam&,
                                       Stream* stream) {
  return make_device_visits(
      options, share,
      {.stream = stream, .messages_on_device = true, .tile_classes = 64, .frame_bytes = kFrameBytes});
}
std::unique_ptr<Communicator> device_channel(Communicator& comm, Stream& stream) {
  return open_device_channel(comm, "head", stream);
}
const VisitsKind kDevice{
    .name = "device", .make = make_on_device<0>, .channel = device_channel, .needs_device = true};
// Rows in the host's memory; frames for those of two steps, of 192 bytes in float32.
const VisitsKind kFrames{
    .name = "frames", .make = make_on_device<48 * 192>, .channel = device_channel, .needs_device = true};

struct Setting {
  int ranks = 1;
  Precision precision = Precision::kFloat32;
};

void PrintTo(const Setting& setting, std::ostream* out) {
  *out << setting.ranks << (setting.precision == Precision::kFloat32 ? "xfloat32" : "xbfloat16");
}

// What a step leaves.
struct Left {
  double loss = 0;
  std::vector<double> gradients;
  Rows rows;
};

class DeviceCheckpoint : public testing::TestWithParam<Setting> {
 protected:
  void SetUp() override {
    skip_without_device(kDevice);
    if (options_.precision == Precision::kBFloat16 && bfloat16_unit() == BFloat16Unit::kNone)
      GTEST_SKIP() << "no bfloat16 arithmetic on this CPU";
  }

  Matrix<float> forward(PartialFC& head, const Communicator& comm, int64_t step, double* loss = nullptr) {
    const int64_t seed = step * comm.size() + comm.rank();
    Matrix<float> gradients(kRows, options_.dim);
    const StepResult result =
        head.forward(step, random_features(kRows, options_.dim, seed).view(),
                     random_labels(kRows, options_.num_classes, seed), gradients.view());
    EXPECT_TRUE(result.finite);
    if (loss != nullptr) *loss = result.loss;
    return gradients;
  }
  void steps(PartialFC& head, const Communicator& comm, int64_t first, int64_t last) {
    for (int64_t step = first; step < last; ++step) {
      forward(head, comm, step);
      head.update(kRate);
    }
  }
  Left next_step(PartialFC& head, const Communicator& comm, int64_t step, ThreadTeam& team) {
    Left left;
    const Matrix<float> gradients = forward(head, comm, step, &left.loss);
    head.update(kRate);
    left.gradients.assign(gradients.data(), gradients.data() + gradients.size());
    left.rows = living_rows(head, team);
    return left;
  }

  void save_beside_steps(const VisitsKind& kind, Communicator& comm);
  // Begins a checkpoint of all ranks, lets `meanwhile` happen, ends.
  void save(CenterSnapshot& snapshot, Communicator& comm, int64_t step, auto&& meanwhile) {
    CheckpointWriter writer(run_.path(), step);
    if (comm.rank() == 0) writer.create();
    comm.barrier().wait();
    snapshot.begin(writer, {.steps = 6, .least_bytes = 1});
    meanwhile();
    files_[comm.rank()] = snapshot.finish();
    comm.barrier().wait();
    Manifest manifest;
    for (const auto& files : files_) manifest.files.insert(manifest.files.end(), files.begin(), files.end());
    if (comm.rank() == 0) writer.commit(manifest, 100);
    comm.barrier().wait();
  }
  static std::vector<int64_t> slots_of(PartialFC& head, ThreadTeam& team) {
    const std::vector<int64_t> positions = head.store().living_positions(head.store().positions());
    std::vector<int64_t> slots(positions.size());
    head.store().locate(positions, slots, team);
    return slots;
  }
  fs::path folder(int64_t step) const { return run_ / checkpoint_name(step); }
  void restore(PartialFC& head, int64_t step, ThreadTeam& team) const {
    read_centers(center_files(folder(step), read_manifest(folder(step))), head, team);
  }

  std::vector<double> numbers_of(const Rows& rows) const {
    std::vector<double> numbers;
    for (const auto& [id, record] : rows)
      for (size_t i = 0; i < record.size(); i += size_of(options_.precision)) {
        float number = 0;
        BFloat16 rounded;
        if (options_.precision == Precision::kFloat32) {
          std::memcpy(&number, &record[i], sizeof(number));
        } else {
          std::memcpy(&rounded, &record[i], sizeof(rounded));
          number = to_float(rounded);
        }
        numbers.push_back(number);
      }
    return numbers;
  }
  // A logit carries some roundings of its own size: in float32, or as the device keeps it in bfloat16.
  double tolerance() const {
    return 12 * options_.margin.scale * (options_.precision == Precision::kFloat32 ? 0x1p-24 : 0x1p-14);
  }
  void expect_close(const std::vector<double>& got, const std::vector<double>& expected) const {
    ASSERT_EQ(got.size(), expected.size());
    double off = 0, all = 0;
    for (size_t i = 0; i < got.size(); ++i) {
      off += (got[i] - expected[i]) * (got[i] - expected[i]);
      all += expected[i] * expected[i];
    }
    EXPECT_LE(std::sqrt(off), tolerance() * std::sqrt(all));
  }

  const PartialFCOptions options_{.num_classes = 600,
                                  .dim = 24,
                                  .max_batch = kRows,
                                  .sample_rate = 0.01,
                                  .seed = kSeed,
                                  .precision = GetParam().precision,
                                  .margin = {.scale = 32}};
  const ScratchFolder run_;
  std::vector<std::vector<ManifestFile>> files_{static_cast<size_t>(GetParam().ranks)};
};

INSTANTIATE_TEST_SUITE_P(All, DeviceCheckpoint,
                         testing::Values(Setting{1, Precision::kFloat32}, Setting{2, Precision::kFloat32},
                                         Setting{1, Precision::kBFloat16}, Setting{2, Precision::kBFloat16}),
                         [](const auto& info) { return testing::PrintToString(info.param); });

TEST_P(DeviceCheckpoint, GoesOnElsewhere) {
  int64_t saved = 0;
  for (const auto& [from, to] : {std::pair(&kHost, &kDevice), std::pair(&kDevice, &kHost),
                                 std::pair(&kHost, &kFrames), std::pair(&kFrames, &kDevice)}) {
    ++saved;
    run_ranks(GetParam().ranks, [&](Communicator& comm) {
      SCOPED_TRACE(fmt::format("from {} to {}, rank {}", from->name, to->name, comm.rank()));
      ThreadTeam team(1);
      TestLayer first(*from, options_, comm, team), second(*to, options_, comm, team);
      {
        CenterSnapshot snapshot(first, team, comm.rank(), comm.size());
        steps(first, comm, 0, 3);
        save(snapshot, comm, saved, [] {});
      }
      restore(second, saved, team);
      const Rows rows = living_rows(second, team);
      EXPECT_EQ(rows, living_rows(first, team));
      EXPECT_GT(std::ssize(rows), 20 / comm.size());
      EXPECT_LT(std::ssize(rows), options_.num_classes / comm.size() / 2);
      EXPECT_EQ(second->updates(), 3);
      const Left expected = next_step(first, comm, 3, team), got = next_step(second, comm, 3, team);
      EXPECT_NEAR(got.loss, expected.loss, tolerance() * expected.loss);
      expect_close(got.gradients, expected.gradients);
      expect_close(numbers_of(got.rows), numbers_of(expected.rows));
    });
  }
}

// And so does a run that goes on with deltas: behind a base of the host's, the device's, and again the host's. The last goes
// on bit for bit: rows come to life in the order that they had.
TEST_P(DeviceCheckpoint, DeltasOfOneStandBehindABaseOfTheOther) {
  run_ranks(GetParam().ranks, [&](Communicator& comm) {
    ThreadTeam team(1);
    Rows expected;
    for (int64_t saved = 0; saved < 3; ++saved) {
      TestLayer layer(saved == 1 ? kDevice : kHost, options_, comm, team);
      CenterSnapshot snapshot(layer, team, comm.rank(), comm.size());
      if (saved > 0) {
        restore(layer, saved - 1, team);
        snapshot.continue_from(folder(saved - 1), read_manifest(folder(saved - 1)));
        EXPECT_EQ(living_rows(layer, team), expected);
      }
      steps(layer, comm, 8 * saved, saved == 0 ? 8 : 8 * saved + 1);
      save(snapshot, comm, saved, [] {});
      EXPECT_EQ(std::ssize(files_[comm.rank()]), saved + 1);
      expected = living_rows(layer, team);
      if (saved < 2) continue;
      TestLayer again(kHost, options_, comm, team);
      restore(again, saved, team);
      EXPECT_EQ(slots_of(again, team), slots_of(layer, team));
      const Left left = next_step(layer, comm, 20, team), right = next_step(again, comm, 20, team);
      EXPECT_EQ(left.loss, right.loss);
      EXPECT_EQ(left.gradients, right.gradients);
      EXPECT_EQ(left.rows, right.rows);
    }
  });
}

TEST_P(DeviceCheckpoint, HoldsTheRowsAsTheyWereWhenItBegan) {
  for (const VisitsKind* kind : {&kDevice, &kFrames})
    run_ranks(GetParam().ranks, [&](Communicator& comm) { save_beside_steps(*kind, comm); });
}
void DeviceCheckpoint::save_beside_steps(const VisitsKind& kind, Communicator& comm) {
  SCOPED_TRACE(kind.name);
  ThreadTeam team(1);
  TestLayer layer(kind, options_, comm, team);
  CenterSnapshot snapshot(layer, team, comm.rank(), comm.size());
  int64_t step = 0;
  for (int64_t saved = 0; saved < 2; ++saved) {  // a base, then a delta
    if (saved == 0) steps(layer, comm, 0, 4);
    step += 4;
    const Rows expected = living_rows(layer, team);
    save(snapshot, comm, saved, [&] {
      steps(layer, comm, step, step + 1);
      snapshot.advance();
      forward(layer, comm, step + 1);
      snapshot.advance();  // while two are pending
      forward(layer, comm, step + 2);
      layer->update(kRate);
      snapshot.advance();
    });
    EXPECT_NE(living_rows(layer, team), expected);
    EXPECT_EQ(std::ssize(files_[comm.rank()]), saved + 1);
    TestLayer restored(kHost, options_, comm, team);
    restore(restored, saved, team);
    EXPECT_EQ(living_rows(restored, team), expected) << saved;
  }
}

}  // namespace
}  // namespace partialfc
