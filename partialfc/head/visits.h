// What a device computes of a step. PartialFC decides: the order of a step, the collectives between the parts, whether the
// step counts; it is written once. One object a rank, one implementation a device; the rows of the class centers are its own.
//
// A step is a forward half and an update. The forward half runs through the verbs below in their order; between them the
// caller reduces or gathers the messages they return. What it leaves for the update is pending from pack() on. Several may
// be pending: update() then takes one step with the sum of their gradients.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "partialfc/base/matrix.h"
#include "partialfc/base/parallel.h"
#include "partialfc/centers/center_store.h"
#include "partialfc/comm/communicator.h"
#include "partialfc/head/partial_fc_options.h"

namespace partialfc {

// What a row of collective 1 takes, in floats: x (D) and, of twice their width, y.
constexpr int64_t message_width(int64_t dim) { return dim + 2; }

// A message of which each of R ranks has a part. Lasts until the next verb.
struct Exchange {
  std::span<float> mine;  // (n)
  std::span<float> all;   // (R · n), rank after rank
};

class Visits {
 public:
  virtual ~Visits() = default;

  virtual CenterStore& store() = 0;
  // Told which rows update() will change; null for none. It outlives this object or is taken off.
  virtual void observe_rows(RowObserver* observer) = 0;

  // Begins a forward half, after the update under way. features (n, D), labels (n): of this rank, −1: takes no part.
  // Message of collective 1, to be gathered: max_batch rows of x (D) and y.
  virtual Exchange pack(MatrixView<const float> features, std::span<const int64_t> labels) = 0;
  // Takes in what was gathered: N samples, x̂ (N, D). Returns N.
  virtual int64_t set_batch() = 0;
  // Draws the classes of this step and takes hold of their rows. Returns S of this rank.
  virtual int64_t activate(int64_t step) = 0;

  // First visit. Message of collective 2, to be summed: Z⁻ (N), z_y (N), and how many ranks met a feature, a norm, a z_y or
  // a U that is not finite (U where its Z⁻ is).
  virtual std::span<float> first_visit() = 0;
  // Where a Z⁻ is out of range: the largest logit off the target (N), of which the maximum is to be taken;
  virtual std::span<float> largest_logits() = 0;
  // then the first visit with these as shifts. To be summed: Z⁻ (N), and the count of ranks as above.
  virtual std::span<float> first_visit_shifted() = 0;

  struct ReducedSums {
    std::span<const float> negatives;  // Z⁻ (N)
    bool finite = true;                // on all ranks
  };
  // The sums that were reduced last, on the host, which waits for them.
  virtual ReducedSums read_sums() = 0;

  // The weights of both gradients. Returns the loss.
  virtual double finish_softmax() = 0;
  // Message of collective 3, `all` to be summed and scattered into `mine`: ∂x̂ (R · max_batch, D), the part of the classes
  // that live here.
  virtual Exchange feature_gradients() = 0;
  // gradients (n, D) ← ∂x of this rank's rows, from the summed ∂x̂; features and labels as pack() had them.
  virtual void finish_gradients(MatrixView<const float> features, std::span<const int64_t> labels,
                                MatrixView<float> gradients) = 0;

  // Gives up the forward half begun last, if it is pending.
  virtual void drop_last() = 0;
  // Whether anything is: then update() would change rows.
  virtual bool is_pending() const = 0;

  struct UpdateStep {
    double learning_rate = 0;
    int64_t t = 1;              // number of this update, from 1
    double gradient_scale = 1;  // factor of all gradients
  };
  // Second visit: steps the rows of all that is pending, which then is no more.
  virtual void update(const UpdateStep& step) = 0;
  // The same beside what the caller does next. The rows and everything pending belong to the update until the request has
  // been waited for; pack() waits by itself.
  virtual Request begin_update(const UpdateStep& step) = 0;
};

// Which part of the problem a rank has.
struct RankShare {
  Range blocks;   // of the classes
  int rank = 0;   // of `ranks`
  int ranks = 1;  // R
};

// Collective. Throws UsageError where the ranks have different options, an option is out of its range, or there are more ranks
// than blocks of classes.
RankShare share_of(const PartialFCOptions& options, Communicator& comm);

// On the cores of this machine; `team` outlives it.
std::unique_ptr<Visits> make_cpu_visits(const PartialFCOptions& options, const RankShare& share,
                                        ThreadTeam& team);

}  // namespace partialfc
