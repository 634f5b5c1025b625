// The classes that a device draws are those that the host draws.
#include "partialfc/head/device_activation.h"

#include <algorithm>
#include <map>

#include "partialfc/base/random.h"
#include "partialfc/device/test_device.h"

namespace partialfc {
namespace {

class DeviceActivationTest : public DeviceTest {};

struct Problem {
  int64_t classes;
  double rate;
  int ranks;
  std::vector<int64_t> labels;
};

std::vector<int64_t> some_labels(int64_t samples, int64_t classes, uint64_t seed) {
  RandomStream random(seed, Purpose::kSyntheticData);
  std::vector<int64_t> labels(samples);
  for (int64_t& label : labels) label = random.below(8) == 0 ? -1 : random.below(classes);
  return labels;
}

void expect_as_on_the_host(const Problem& problem, int rank, int64_t step) {
  SCOPED_TRACE(fmt::format("{} classes, r = {}, rank {} of {}, {} labels, step {}", problem.classes,
                           problem.rate, rank, problem.ranks, problem.labels.size(), step));
  const ClassPlacement placement(problem.classes, 17);
  const ClassSampler sampler(placement, problem.rate, 17);
  const Range blocks = placement.blocks_of_rank(rank, problem.ranks),
              own = placement.positions_of_blocks(blocks);
  std::vector<int64_t> positives, expected;
  std::map<int64_t, std::vector<int32_t>> samples_of;  // by position
  for (size_t n = 0; n < problem.labels.size(); ++n) {
    if (problem.labels[n] < 0) continue;
    const int64_t position = placement.position_of(problem.labels[n]);
    if (position >= own.first && position < own.last) samples_of[position].push_back(static_cast<int32_t>(n));
  }
  for (const auto& [position, samples] : samples_of) positives.push_back(position);
  ThreadTeam team(1);
  sampler.sample(step, blocks, positives, expected, team);

  DeviceActivation activation(placement, blocks, sampler, std::ssize(problem.labels));
  Stream stream;
  const DeviceBuffer<int64_t> labels = to_device(problem.labels);
  const DeviceBuffer<int32_t> active_count(1);
  activation.activate(step, labels.span(), active_count.span(), stream);
  const DeviceActiveClasses active = activation.active();
  const int32_t count = to_host(active_count.span(), stream)[0];
  const std::vector<int32_t> slots = to_host(active.slots, stream),
                             positive_of = to_host(active.positive_of, stream),
                             class_of = to_host(active.class_of, stream),
                             samples = to_host(active.samples, stream),
                             first_sample = to_host(active.first_sample, stream);
  ASSERT_EQ(count, std::ssize(expected));
  ASSERT_GE(std::ssize(slots), count);
  std::vector<int32_t> class_of_expected(problem.labels.size(), -1);
  for (int32_t j = 0; j < count; ++j) {
    ASSERT_EQ(slots[j] + own.first, expected[j]) << j;
    const auto found = samples_of.find(expected[j]);
    ASSERT_EQ(positive_of[j] >= 0, found != samples_of.end()) << j;
    if (found == samples_of.end()) continue;
    const int32_t k = positive_of[j];
    EXPECT_EQ(std::vector<int32_t>(samples.begin() + first_sample[k], samples.begin() + first_sample[k + 1]),
              found->second);
    for (const int32_t n : found->second) class_of_expected[n] = j;
  }
  for (size_t j = count; j < slots.size(); ++j) ASSERT_EQ(slots[j], -1);
  EXPECT_EQ(class_of, class_of_expected);
}

TEST_F(DeviceActivationTest, DrawsTheClassesThatTheHostDraws) {
  for (const int64_t classes : {1, 37, 600})  // blocks of one class, more and fewer than threads
    for (const double rate : {0.01, 0.3, 1.0})
      for (const int64_t samples : {8, 200})
        for (const int ranks : {1, 3}) {
          if (ranks > classes) continue;
          const Problem problem{classes, rate, ranks,
                                some_labels(samples, classes, static_cast<uint64_t>(samples))};
          for (int rank = 0; rank < ranks; ++rank) expect_as_on_the_host(problem, rank, 5);
        }
}

// Of a rank with few blocks: of some five classes, then of many more classes than a block has threads.
TEST_F(DeviceActivationTest, BlocksOfSeveralClasses) {
  for (const auto& [classes, ranks] : {std::pair{20'000, 50}, {1'500'000, 1024}})
    for (const double rate : {0.05, 0.6, 1.0})
      for (const int64_t samples : {8, 136, 600}) {
        const int rank = ranks / 3;
        const ClassPlacement placement(classes, 17);
        const Range own = placement.positions_of_blocks(placement.blocks_of_rank(rank, ranks));
        Problem problem{classes, rate, ranks, some_labels(samples, classes, 3)};
        RandomStream random(4, Purpose::kSyntheticData);
        for (size_t n = 0; n < problem.labels.size();
             n += 2)  // half of them live here, the first and last among them
          problem.labels[n] =
              placement.class_at(n == 0   ? own.first
                                 : n == 2 ? own.last - 1
                                          : own.first + random.below(std::min<int64_t>(own.size(), samples)));
        expect_as_on_the_host(problem, rank, 6);
      }
}

TEST_F(DeviceActivationTest, BlocksFullOfPositivesAndBatchesWithoutAny) {
  std::vector<int64_t> all(300);  // every class of the problem, some twice
  for (int64_t n = 0; n < 300; ++n) all[n] = n % 290;
  expect_as_on_the_host({290, 0.1, 1, all}, 0, 1);
  expect_as_on_the_host({900, 0.1, 1, std::vector<int64_t>(64, 471)}, 0, 2);
  expect_as_on_the_host({900, 0.1, 2, std::vector<int64_t>(64, -1)}, 1, 3);
  expect_as_on_the_host({900, 1, 2, std::vector<int64_t>(64, -1)}, 0, 3);
}

}  // namespace
}  // namespace partialfc
