#include "measure/head_run.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "measure/median.h"
#include "partialfc/base/error.h"
#include "partialfc/base/random.h"
#include "partialfc/head/device_layer.h"

namespace partialfc {

namespace {

constexpr uint64_t kSeed = 1;
constexpr double kLearningRate = 0.1;

// As it is before the head is made: head_bytes is what is free.
HeadRun::Gpu describe_gpu(const DeviceName& device) {
  if (!device.is_gpu) return {};
  runtime::use_device(device.ordinal);
  const auto properties = runtime::properties(device.ordinal);
  return {properties.name, properties.driver_version, runtime::free_memory(device.ordinal)};
}

std::unique_ptr<PartialFC> make_head(const HeadRunOptions& given, Communicator& world, Communicator& channel,
                                     Stream* stream, ThreadTeam& team) {
  const PartialFCOptions options{.num_classes = given.classes,
                                 .dim = given.dim,
                                 .max_batch = (given.batch + world.size() - 1) / world.size(),
                                 .sample_rate = given.sample_rate,
                                 .seed = kSeed,
                                 .precision = given.precision,
                                 .margin = {.name = MarginName::kCosFace},
                                 .optimizer = given.optimizer,
                                 .file_store = given.file_store,
                                 .kept_bytes = given.kept_bytes};
  if (stream == nullptr) return std::make_unique<PartialFC>(options, channel, team);
  return std::make_unique<PartialFC>(options, channel,
                                     make_device_visits(options, share_of(options, world),
                                                        {.ordinal = given.device.ordinal,
                                                         .stream = stream,
                                                         .messages_on_device = true,
                                                         .tf32 = given.tf32}));
}

}  // namespace

HeadRun::HeadRun(const HeadRunOptions& options, Communicator& world)
    : device_(options.device),
      gpu_(describe_gpu(device_)),
      stream_(device_.is_gpu ? std::optional<Stream>(std::in_place) : std::nullopt),
      head_channel_(stream_ ? open_device_channel(world, "head", *stream_) : world.open_channel("head")),
      team_(options.threads),
      head_(make_head(options, world, *head_channel_, stream_ ? &*stream_ : nullptr, team_)),
      rows_(part_of(options.batch, world.size(), world.rank())),
      features_(rows_.size(), options.dim),
      gradients_(rows_.size(), options.dim),
      labels_(rows_.size()) {
  if (!device_.is_gpu) return;
  gpu_.head_bytes -= runtime::free_memory(device_.ordinal);
  gpu_features_ = DeviceBuffer<float>(features_.size());
  gpu_gradients_ = DeviceBuffer<float>(features_.size());
  gpu_labels_ = DeviceBuffer<int64_t>(rows_.size());
}

void HeadRun::touch_all_rows() {
  constexpr int64_t kPiece = 1 << 13;
  CenterStore& store = head_->store();
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
    labels_[i] = stream.below(head_->options().num_classes);
    for (int64_t d = 0; d < features_.cols(); ++d) features_(i, d) = static_cast<float>(stream.normal());
  }
  if (!device_.is_gpu) return;
  copy<float>(std::span(features_.data(), features_.size()), gpu_features_.span(), *stream_);
  copy<int64_t>(labels_, gpu_labels_.span(), *stream_);
  stream_->synchronize();
}

StepResult HeadRun::forward(int64_t number) {
  if (!device_.is_gpu) return head_->forward(number, features_.view(), labels_, gradients_.view());
  const int64_t rows = rows_.size(), dim = features_.cols();
  return head_->forward(
      number, {gpu_features_.matrix(rows, dim), gpu_labels_.span(), gpu_gradients_.matrix(rows, dim)});
}

std::array<double, 3> HeadRun::step(int64_t number) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  const StepResult result = forward(number);
  const auto middle = Clock::now();
  head_->update(kLearningRate);
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
