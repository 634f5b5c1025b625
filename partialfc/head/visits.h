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
#include "partialfc/head/step_messages.h"

namespace partialfc {

class Visits {
 public:
  virtual ~Visits() = default;

  virtual CenterStore& store() = 0;
  // Told which rows update() will change; null for none. It outlives this object or is taken off.
  virtual void observe_rows(RowObserver* observer) = 0;

  // What follows comes after this collective.
  virtual void after(Request request) { request.wait(); }
  // The host waits for all these collectives.
  virtual void wait_for_messages() {}

  // Begins a forward half, after the update under way. Message of collective 1, to be gathered: max_batch rows of x (D)
  // and y.
  virtual Exchange pack(const HostFeatures& batch) = 0;
  virtual Exchange pack(const DeviceFeatures& batch);
  // Takes in what was gathered: N samples, x̂ (N, D).
  virtual void set_batch() = 0;
  // Draws the classes of this step and takes hold of their rows.
  virtual void activate(int64_t step) = 0;

  // First visit. Message of collective 2, to be summed: Z⁻ (N), z_y (N), and how many ranks met a feature, a norm, a z_y or
  // a U that is not finite (U where its Z⁻ is).
  virtual Message first_visit() = 0;
  // Where a Z⁻ is out of range: the largest logit off the target (N), of which the maximum is to be taken;
  virtual Message largest_logits() = 0;
  // then the first visit with these as shifts. To be summed: Z⁻ (N), and the count of ranks as above.
  virtual Message first_visit_shifted() = 0;

  struct ReducedSums {
    std::span<const float> negatives;  // Z⁻ (N, and what a device adds to it: in range)
    bool finite = true;                // on all ranks
    int64_t samples = 0;               // N
    int64_t active = 0;                // S of this rank
  };
  // The sums that were reduced last, on the host, which waits for them.
  virtual ReducedSums read_sums() = 0;

  // The weights of both gradients. Returns the loss.
  virtual double finish_softmax() = 0;
  // Message of collective 3, `all` to be summed and scattered into `mine`: ∂x̂ (R · max_batch, D), the part of the classes
  // that live here.
  virtual Exchange feature_gradients() = 0;
  // gradients of the batch ← ∂x, from the summed ∂x̂; the batch as pack() had it.
  virtual void finish_gradients(const HostFeatures& batch) = 0;
  virtual void finish_gradients(const DeviceFeatures& batch);
  // gradients of the batch ← 0, of a step that is not finite.
  virtual void clear_gradients(const HostFeatures& batch);
  virtual void clear_gradients(const DeviceFeatures& batch);

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
