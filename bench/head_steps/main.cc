// Seconds of a step of the head, with what every version of the library has: head_steps CLASSES BATCH STEPS fp32|bf16.
// All classes are active in each step (D = 512, two threads); prints the medians of forward and update.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "partialfc/partialfc.h"

using namespace partialfc;

namespace {

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 5) return std::fprintf(stderr, "head_steps CLASSES BATCH STEPS fp32|bf16\n"), 2;
  const int64_t classes = std::atoll(arguments[1]), batch = std::atoll(arguments[2]),
                steps = std::atoll(arguments[3]);
  constexpr int64_t kDim = 512, kWarmUp = 2;
  run_ranks(1, [&](Communicator& comm) {
    ThreadTeam team(2);
    PartialFCOptions options;
    options.num_classes = classes;
    options.dim = kDim;
    options.max_batch = batch;
    options.precision = std::string_view(arguments[4]) == "bf16" ? Precision::kBFloat16 : Precision::kFloat32;
    options.margin.m1 = 1;
    options.margin.m2 = 0;
    options.margin.m3 = 0.4f;  // CosFace, said so that every version understands it
    PartialFC head(options, comm, team);
    Matrix<float> features(batch, kDim), gradients(batch, kDim);
    std::vector<int64_t> labels(batch);
    std::vector<double> forward, update;
    for (int64_t step = 0; step < kWarmUp + steps; ++step) {
      for (int64_t n = 0; n < batch; ++n) {
        RandomStream random(1, Purpose::kSyntheticData, static_cast<uint64_t>(step),
                            static_cast<uint64_t>(n));
        labels[n] = random.below(classes);
        for (int64_t d = 0; d < kDim; ++d) features(n, d) = static_cast<float>(random.normal());
      }
      const auto begin = std::chrono::steady_clock::now();
      head.forward(step, features.view(), labels, gradients.view());
      const auto middle = std::chrono::steady_clock::now();
      head.update(0.1);
      const auto end = std::chrono::steady_clock::now();
      if (step < kWarmUp) continue;
      forward.push_back(std::chrono::duration<double>(middle - begin).count());
      update.push_back(std::chrono::duration<double>(end - middle).count());
    }
    std::printf("%.6f %.6f\n", median(forward), median(update));
  });
}
