// One step of training.
#include <torch/utils.h>

#include <array>
#include <cmath>

#include "partialfc/base/error.h"
#include "partialfc/base/trace.h"
#include "partialfc/data/sample_order.h"
#include "trainer/trainer.h"

namespace partialfc {

// One step: embed, head, backward with the gradients' sum on its way, the centers' step meanwhile, the backbone's.
void Trainer::train_step() {
  const TraceSpan span("step");
  const double waited_before = waited_for_ranks();
  stream_->next(batch_);
  // Whether any rank was asked to stop, or still writes its centers: on its way while the step runs.
  std::array<float, 2> votes = {options_.stop != nullptr && *options_.stop ? 1.0f : 0.0f,
                                saver_->is_written() ? 0.0f : 1.0f};
  Request vote = world_.all_reduce(std::span<float>(votes));
  const Shape shape = network_->graph().input();
  const torch::Tensor pixels =
      to_device(torch::from_blob(batch_.pixels.data(),
                                 {batch_.count, shape.height, shape.width, shape.channels}, torch::kUInt8),
                device_.backbone());
  const double rate = learning_rate_at(recipe_.schedule, world_batch_.learning_rate, step_, total_steps_);

  // Embedding moves BatchNorm's statistics before the head sees whether the step is finite. On a GPU the sums of the
  // step before are still under way: a rank that is late is named here, before so much is queued behind them that a
  // call waits for the device.
  gradient_channel_->wait_for_ranks();
  const Network::Buffers buffers = network_->copy_buffers();
  const torch::Tensor embeddings = embed_batch(pixels);
  torch::Tensor gradients = torch::empty_like(embeddings, torch::kFloat32);
  const StepResult head_step = head_->forward(step_, embeddings, batch_.labels, gradients);
  // On a GPU that of the step before, now that the host has waited; 0 in the first.
  double gradient_norm = optimizer_->gradient_norm();
  if (head_step.finite) {
    Request head_update = head_->layer().begin_update(rate);
    backward(pixels, embeddings, gradients);
    reducer_->finish();
    // Each rank's BatchNorm saw its own rows: after a step all have the mean over the ranks. In every step, as the mean
    // of means is not to the bit the mean of all: a run that is saved and resumed after any step is to find the same
    // numbers.
    if (world_.size() > 1) gradient_channel_->begin_sum(network_->statistics());
    gradient_channel_->finish();
    if (world_.size() > 1) network_->average_statistics(world_.size());
    if (!device_.has_backbone()) head_update.wait();  // on the CPU both take the same threads
    optimizer_->step(rate);
    if (!device_.has_backbone()) gradient_norm = optimizer_->gradient_norm();
    head_update.wait();
  } else {
    network_->restore_buffers(buffers);
  }
  vote.wait();
  stop_asked_ = votes[0] > 0;
  saver_->advance();
  if (saver_->is_under_way() && votes[1] == 0) saver_->commit();

  ++step_;
  samples_ += world_batch_.global;
  meter_.add_step(head_step.loss, gradient_norm, head_step.finite, world_batch_.global,
                  stream_->wait_seconds());
  meter_.add_rank_wait(waited_for_ranks() - waited_before);
  tell_progress(rate);
}

Network::Pass Trainer::pass_of_rows(int64_t first_row, bool update_statistics) const {
  const int64_t first_of_rank = batch_share(world_batch_.global, world_.size(), world_.rank()).first;
  return {.training = true,
          .update_statistics = update_statistics,
          .step = step_,
          .first_row = first_of_rank + first_row};
}

// With micro-batches the embeddings are made without keeping what backward needs; backward makes them again, a
// micro-batch at a time. The head sees the whole batch at once, so its gradient is that of the large batch.
torch::Tensor Trainer::embed_batch(const torch::Tensor& pixels) {
  const TraceSpan span("backbone.forward");
  const int64_t parts = world_batch_.micro_batches;
  if (parts == 1) return network_->forward(pixels, pass_of_rows(0, true));
  torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> embeddings;
  for (int64_t i = 0; i < parts; ++i) {
    const Range rows = part_of(pixels.size(0), parts, i);
    embeddings.push_back(
        network_->forward(pixels.narrow(0, rows.first, rows.size()), pass_of_rows(rows.first, false)));
  }
  return torch::cat(embeddings);
}

void Trainer::backward(const torch::Tensor& pixels, torch::Tensor embeddings,
                       const torch::Tensor& gradients) {
  const TraceSpan span("backbone.backward");
  network_->zero_gradients();
  const int64_t parts = world_batch_.micro_batches;
  for (int64_t i = 0; i < parts; ++i) {
    const Range rows = part_of(pixels.size(0), parts, i);
    if (parts > 1)
      embeddings =
          network_->forward(pixels.narrow(0, rows.first, rows.size()), pass_of_rows(rows.first, true));
    if (i == parts - 1) reducer_->arm();
    embeddings.backward(gradients.narrow(0, rows.first, rows.size()));
  }
}

// Before what the device holds is read, or another run's. The ranks first: the stream knows nothing of them.
void Trainer::wait_for_device() {
  if (!device_.has_backbone()) return;
  gradient_channel_->wait_for_ranks();
  head_->layer().wait_for_messages();
  device_.stream()->synchronize();
}

}  // namespace partialfc
