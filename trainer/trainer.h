// The training run: data, backbone, head, and what is saved and told on the way. One object a rank.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "partialfc/checkpoint/checkpoint_saver.h"
#include "partialfc/comm/communicator.h"
#include "partialfc/data/batch_stream.h"
#include "partialfc/data/image_source.h"
#include "partialfc/data/ram_cache.h"
#include "partialfc/data/shard_order.h"
#include "partialfc/data/verification_pack.h"
#include "partialfc/plan/machine.h"
#include "trainer/backbone_optimizer.h"
#include "trainer/compute_device.h"
#include "trainer/embedder.h"
#include "trainer/gradient_reducer.h"
#include "trainer/head_of_rank.h"
#include "trainer/network.h"
#include "trainer/recipe.h"
#include "trainer/run_log.h"
#include "trainer/start_agreement.h"
#include "trainer/step_meter.h"
#include "trainer/tensor_channel.h"
#include "trainer/train.h"
#include "trainer/world_batch.h"

namespace partialfc {

class Trainer {
 public:
  // Collective. Reads the recipe's data and packs, makes or resumes the model. Throws DisagreementError where the ranks
  // have other recipes, programs, data or folders (start_agreement.h, run_folder.h).
  Trainer(const Recipe& recipe, Communicator& world, const TrainOptions& options);
  ~Trainer();

  // Trains to the recipe's end, or until asked to stop, and saves.
  TrainOutcome run();

 private:
  struct Pack {
    std::string name;
    VerificationPack pack;
  };

  void open_data();
  FoundData what_was_found() const;
  void fit_into_memory(Machine memory);
  int64_t steps_in_all() const;
  TrainOutcome run_steps();
  void resume();
  void train_step();
  torch::Tensor embed_batch(const torch::Tensor& pixels);
  void backward(const torch::Tensor& pixels, torch::Tensor embeddings, const torch::Tensor& gradients);
  Network::Pass pass_of_rows(int64_t first_row, bool update_statistics) const;
  void wait_for_device();
  void verify();
  void begin_save();
  nlohmann::json recipe_in_manifest() const;
  void tell(const std::string& message);
  void tell_what_is_trained();
  void tell_progress(double learning_rate);
  void tell_how_it_went();
  void tell_rank_balance();
  double waited_for_ranks() const;
  bool is_due(int64_t every) const { return every > 0 && step_ % every == 0; }
  bool is_first() const { return world_.rank() == 0; }

  ComputeDevice device_;
  const Precision precision_;  // of the backbone
  const Recipe recipe_;
  const TrainOptions options_;
  Communicator& world_;
  WorldBatch world_batch_;
  ThreadTeam team_;

  int64_t dataset_size_ = 0, num_classes_ = 0, total_steps_ = 0;
  std::vector<Pack> packs_;
  std::optional<CachedCopy> cached_;           // of the data, where the recipe asks for one
  std::shared_ptr<const ImageSource> source_;  // null for synthetic data
  std::optional<ShardOptions> shards_;         // where the recipe's order is by shards
  std::unique_ptr<BatchStream> stream_;
  Batch batch_;

  std::unique_ptr<Network> network_;
  std::unique_ptr<GradientReducer> reducer_;
  std::unique_ptr<BackboneOptimizer> optimizer_;
  std::unique_ptr<HeadOfRank> head_;
  std::unique_ptr<CheckpointSaver> saver_;
  // Goes first: while a sum of a rank that is lost is under way, memory of the GPU cannot be given back.
  std::optional<TensorChannel> gradient_channel_;

  int64_t step_ = 0;             // steps done
  int64_t samples_ = 0;          // seen by all ranks: the position in the data
  bool stop_asked_ = false;      // by any rank
  std::unique_ptr<RunLog> log_;  // on rank 0
  StepMeter meter_;
};

}  // namespace partialfc
