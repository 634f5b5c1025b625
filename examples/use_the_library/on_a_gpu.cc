// The layer on a GPU: features and labels that are there, one rank. Where there is no GPU, or the library was built without
// CUDA, it says so and ends with exit code 2.
#include <cstdio>
#include <vector>

#include "partialfc/partialfc.h"

using namespace partialfc;

namespace {

constexpr int64_t kClasses = 10000, kDim = 64, kBatch = 128;

void train(Communicator& comm) {
  runtime::use_device(0);
  Stream stream;
  const PartialFCOptions options{.num_classes = kClasses,
                                 .dim = kDim,
                                 .max_batch = kBatch,
                                 .sample_rate = 0.1,
                                 .margin = {.scale = 32, .m3 = 0.2f}};
  const auto channel = open_device_channel(comm, "head", stream);
  PartialFC head(
      options, *channel,
      make_device_visits(options, share_of(options, comm), {.stream = &stream, .messages_on_device = true}));

  const DeviceBuffer<float> features(kBatch * kDim), gradients(kBatch * kDim);
  const DeviceBuffer<int64_t> labels(kBatch);
  const PinnedBuffer<float> host_features(kBatch * kDim);
  const PinnedBuffer<int64_t> host_labels(kBatch);
  for (int64_t step = 0; step < 200; ++step) {
    RandomStream random(1, Purpose::kSyntheticData, static_cast<uint64_t>(step), 0);
    for (int64_t n = 0; n < kBatch; ++n) {
      host_labels[n] = random.below(200);
      fill_normal(host_features.span().subspan(n * kDim, kDim), 7, static_cast<uint64_t>(host_labels[n]),
                  1.0f);
    }
    copy<float>(host_features.span(), features.span(), stream);
    copy<int64_t>(host_labels.span(), labels.span(), stream);
    const StepResult result = head.forward(
        step, DeviceFeatures{features.matrix(kBatch, kDim), labels.span(), gradients.matrix(kBatch, kDim)});
    head.update(/*learning_rate=*/0.1);
    if (step % 100 == 99)
      std::printf("step %lld  loss %.4f\n", static_cast<long long>(step + 1), result.loss);
  }
}

}  // namespace

int main() {
  try {
    run_ranks(1, train);
  } catch (const UsageError& error) {
    std::printf("%s\n", error.what());
    return 2;
  }
}
