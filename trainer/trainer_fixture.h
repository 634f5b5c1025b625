// For tests of whole runs: a recipe of a net that takes milliseconds a step, on thread ranks, and what a run leaves.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <sstream>
#include <string>
#include <vector>

#include "partialfc/base/test_support.h"
#include "partialfc/comm/thread_ranks.h"
#include "partialfc/formats/checksum.h"
#include "trainer/saved_centers.h"
#include "trainer/test_data.h"
#include "trainer/trainer.h"
#include "trainer/weights.h"

namespace partialfc {

class TrainerTest : public testing::Test {
 protected:
  static constexpr int64_t kClasses = 40;

  TrainerTest() {
    create_folders(scratch_ / "set");
    recipe_.data = {.path = (scratch_ / "set/train.rec").lexically_normal().string(),
                    .height = 12,
                    .width = 12,
                    .channels = 1,
                    .threads = 1};
    recipe_.backbone = {.name = "small", .embedding = 8, .width = 4, .stages = 2};
    recipe_.head = {.sample_rate = 0.5, .scale = 16, .m2 = 0.2};
    recipe_.train = {.steps = 8, .global_batch = 24, .precision = "fp32", .seed = 3, .log_every = 1};
    recipe_.checkpoint.every = 4;
  }

  void write_images(const std::vector<LabelledImage>& images) {
    write_set(scratch_ / "set", images, kClasses);
  }
  // A batch of 24 in which each quarter, third and half holds the same images in the same order: BatchNorm finds the
  // same statistics whatever part of it it sees.
  void write_repeating_images() {
    std::vector<LabelledImage> images;
    for (int repeat = 0; repeat < 12; ++repeat)
      for (const int64_t label : {7, 31}) images.push_back(draw_image(label, 0));
    write_images(images);
    recipe_.data.shuffle = false;
    recipe_.augment.mirror = 0;
  }

  // Keeps what the run tells in told_.
  TrainOutcome train(const Recipe& recipe, int ranks, const std::string& run,
                     StartMode start = StartMode::kNew,
                     const std::atomic<bool>* stop_of_last_rank = nullptr) {
    auto outcome = TrainOutcome::kFinished;
    testing::internal::CaptureStderr();
    try {
      run_ranks(ranks, [&](Communicator& world) {
        const bool is_last = world.rank() == ranks - 1;
        Trainer trainer(
            recipe, world,
            {.output = scratch_ / run, .start = start, .stop = is_last ? stop_of_last_rank : nullptr});
        const TrainOutcome mine = trainer.run();
        if (is_last) outcome = mine;
      });
    } catch (...) {
      told_ = testing::internal::GetCapturedStderr();
      throw;
    }
    told_ = testing::internal::GetCapturedStderr();
    return outcome;
  }
  TrainOutcome resume(const Recipe& recipe, int ranks, const std::string& run) {
    return train(recipe, ranks, run, StartMode::kResume);
  }

  std::vector<nlohmann::json> metrics(const std::string& run) {
    std::istringstream text(read_text_file(scratch_ / run / kMetricsFile));
    std::vector<nlohmann::json> lines;
    for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
  }
  std::vector<double> losses(const std::string& run) {
    std::vector<double> losses;
    for (const auto& line : metrics(run))
      if (line.contains("loss")) losses.push_back(line["loss"]);
    return losses;
  }
  std::filesystem::path checkpoint(const std::string& run, int64_t step) {
    return scratch_ / run / checkpoint_name(step);
  }
  // Makes every number of this parameter of the checkpoint's backbone `value`, and its manifest true again.
  void plant(const std::filesystem::path& checkpoint, const std::string& name, float value) {
    const std::filesystem::path path = checkpoint / kBackboneFile;
    Network network(make_backbone(recipe_.backbone_options()), {});
    read_weights(path, network);
    for (const Network::Parameter& parameter : network.parameters())
      if (parameter.spec.name == name) parameter.tensor.data().fill_(value);
    write_weights(path, network, {});
    Manifest manifest = read_manifest(checkpoint);
    for (ManifestFile& file : manifest.files)
      if (file.name == kBackboneFile) file.xxh3 = checksum_of_file(path);
    write_manifest(checkpoint, manifest);
  }

  ScratchFolder scratch_;
  Recipe recipe_;
  std::string told_;
};

}  // namespace partialfc
