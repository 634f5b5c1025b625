// The classes of a rank that take part in a step, and the samples whose class is among them: drawn on the host.
//
// An active class is known by its index 0 … S − 1, in the order of the slots of their rows: walking it walks memory forward.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "partialfc/centers/center_store.h"
#include "partialfc/centers/class_placement.h"
#include "partialfc/head/class_sampler.h"

namespace partialfc {

// A sample whose class lives on this rank.
struct Target {
  int64_t active = 0;      // index of the class
  int64_t sample = 0;      // n
  double cosine = 0;       // c_ny
  double coefficient = 0;  // (s/N)(p_ny − 1)ψ'_ny
};

struct ActiveClasses {
  std::vector<int64_t> slots;      // (S), rising
  std::vector<int64_t> positions;  // (S)
  std::vector<Target> targets;     // rising by class, then sample; at most one of a sample

  int64_t size() const { return std::ssize(slots); }
  std::span<Target> targets_of(Range active);  // those of a range of classes
};

// Draws the active classes of one rank, step by step.
class ClassActivation {
 public:
  // The classes in `blocks` are this rank's.
  ClassActivation(const ClassPlacement& placement, Range blocks, double sample_rate, uint64_t seed)
      : placement_(placement), blocks_(blocks), sampler_(placement, sample_rate, seed) {}

  // The positives among `labels` (N), class ids of the global batch, and the negatives of this step. Their rows come to life
  // in `store`, which is told which rows the next step will want where `expect_next`.
  void activate(int64_t step, std::span<const int64_t> labels, CenterStore& store, bool expect_next,
                ThreadTeam& team, ActiveClasses& active);

 private:
  void find_positives(std::span<const int64_t> labels);
  void order_by_slot(CenterStore& store, ThreadTeam& team, ActiveClasses& active);
  void find_targets(CenterStore& store, ThreadTeam& team, ActiveClasses& active);

  const ClassPlacement placement_;
  const Range blocks_;
  const ClassSampler sampler_;

  // Scratch of activate().
  std::vector<std::pair<int64_t, int64_t>>
      owned_;                       // (position, sample) of the samples whose class lives here
  std::vector<int64_t> positives_;  // their positions, rising, distinct
  std::vector<int64_t> positions_, positive_slots_;
  std::vector<uint64_t> order_, order_scratch_;
};

}  // namespace partialfc
