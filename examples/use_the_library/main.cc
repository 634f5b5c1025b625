// The layer without the rest: features of your own, on two ranks that are threads of this program. Under mpirun, use
// MpiSession (partialfc/comm/mpi.h) in place of run_ranks.
//
// The "backbone" here is a table of one feature vector a class, trained with the layer's gradients: after some steps
// each vector has found its class center.
#include <cstdio>
#include <vector>

#include "partialfc/partialfc.h"

using namespace partialfc;

int main() {
  constexpr int64_t kClasses = 10000, kDim = 64, kBatch = 128;  // kBatch: rows of one rank
  run_ranks(2, [](Communicator& comm) {
    ThreadTeam team(1);
    PartialFC head({.num_classes = kClasses,
                    .dim = kDim,
                    .max_batch = kBatch,
                    .sample_rate = 0.1,
                    .margin = {.scale = 32, .m3 = 0.2f}},
                   comm, team);
    Matrix<float> table(kClasses, kDim);
    for (int64_t id = 0; id < kClasses; ++id)
      fill_normal({table[id], static_cast<size_t>(kDim)}, 7, static_cast<uint64_t>(id), 1.0f);

    Matrix<float> features(kBatch, kDim), gradients(kBatch, kDim);
    std::vector<int64_t> labels(kBatch);
    for (int64_t step = 0; step < 400; ++step) {
      RandomStream random(1, Purpose::kSyntheticData, static_cast<uint64_t>(step),
                          static_cast<uint64_t>(comm.rank()));
      for (int64_t n = 0; n < kBatch; ++n) {
        labels[n] = random.below(200);
        std::copy_n(table[labels[n]], kDim, features[n]);
      }
      const StepResult result = head.forward(step, features.view(), labels, gradients.view());
      head.update(/*learning_rate=*/0.1);
      for (int64_t n = 0; n < kBatch; ++n)
        for (int64_t d = 0; d < kDim; ++d) table(labels[n], d) -= 100 * gradients(n, d);
      if (comm.rank() == 0 && (step == 0 || step == 9 || step % 100 == 99))
        std::printf("step %lld  loss %.4f  %lld of %lld classes active on this rank\n",
                    static_cast<long long>(step + 1), result.loss, static_cast<long long>(result.active),
                    static_cast<long long>(kClasses));
    }
  });
}
