#include "measure/head_run.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "measure/median.h"
#include "partialfc/base/error.h"
#include "partialfc/base/random.h"

namespace partialfc {

namespace {

constexpr uint64_t kSeed = 1;
constexpr double kLearningRate = 0.1;

}  // namespace

HeadRun::HeadRun(const HeadRunOptions& options, Communicator& world)
    : head_channel_(world.open_channel("head")),
      team_(options.threads),
      head_({.num_classes = options.classes,
             .dim = options.dim,
             .max_batch = (options.batch + world.size() - 1) / world.size(),
             .sample_rate = options.sample_rate,
             .seed = kSeed,
             .precision = options.precision,
             .margin = {.name = MarginName::kCosFace},
             .optimizer = options.optimizer,
             .file_store = options.file_store,
             .kept_bytes = options.kept_bytes},
            *head_channel_, team_),
      rows_(part_of(options.batch, world.size(), world.rank())),
      features_(rows_.size(), options.dim),
      gradients_(rows_.size(), options.dim),
      labels_(rows_.size()) {}

void HeadRun::touch_all_rows() {
  constexpr int64_t kPiece = 1 << 13;
  CenterStore& store = head_.store();
  const Range all = store.positions();
  std::vector<std::byte> records;
  for (int64_t first = all.first; first < all.last; first += kPiece) {
    std::vector<int64_t> positions(std::min(kPiece, all.last - first)), slots(positions.size());
    std::iota(positions.begin(), positions.end(), first);
    store.locate(positions, slots, team_);
    records.resize(slots.size() * store.layout().bytes());
    store.read_records(slots, records, team_);
    store.write_records(slots, records, team_);
  }
}

void HeadRun::draw_batch(int64_t step) {
  for (int64_t i = 0; i < rows_.size(); ++i) {
    RandomStream stream(kSeed, Purpose::kSyntheticData, step, rows_.first + i);
    labels_[i] = stream.below(head_.options().num_classes);
    for (int64_t d = 0; d < features_.cols(); ++d) features_(i, d) = static_cast<float>(stream.normal());
  }
}

std::array<double, 3> HeadRun::step(int64_t number) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  const StepResult result = head_.forward(number, features_.view(), labels_, gradients_.view());
  const auto middle = Clock::now();
  head_.update(kLearningRate);
  const auto end = Clock::now();
  if (!result.finite) fail("step {} of the head was not finite", number);
  active_ = result.active;
  return {std::chrono::duration<double>(end - start).count(),
          std::chrono::duration<double>(middle - start).count(),
          std::chrono::duration<double>(end - middle).count()};
}

double median_step(HeadRun& run, int64_t warm_up, int64_t steps) {
  std::vector<double> seconds;
  for (int64_t i = 0; i < warm_up + steps; ++i) {
    run.draw_batch(i);
    const double step = run.step(i)[0];
    if (i >= warm_up) seconds.push_back(step);
  }
  return median(std::move(seconds));
}

}  // namespace partialfc
