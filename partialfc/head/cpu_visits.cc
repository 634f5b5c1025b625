#include "partialfc/head/cpu_visits.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>

#include "partialfc/base/error.h"
#include "partialfc/base/trace.h"
#include "partialfc/kernels/bfloat16_rows.h"
#include "partialfc/kernels/center_rows.h"
#include "partialfc/kernels/vector_ops.h"

namespace partialfc {

namespace {

std::unique_ptr<HostCenterStore> make_store(const PartialFCOptions& options, const ClassPlacement& placement,
                                            Range blocks) {
  const RecordLayout layout{
      .dim = options.dim, .states = options.optimizer.states(), .precision = options.precision};
  const Range positions = placement.positions_of_blocks(blocks);
  return options.file_store ? make_file_store(placement, positions, layout, options.seed, *options.file_store)
                            : make_memory_store(placement, positions, layout, options.seed);
}

std::unique_ptr<TileArithmetic> make_arithmetic(const PartialFCOptions& options, int threads) {
  return options.precision == Precision::kFloat32 ? make_float32_tiles(options.dim, threads)
                                                  : make_bfloat16_tiles(options.dim, threads);
}

// A task on update_thread_.
class UpdateUnderWay final : public Request::Operation {
 public:
  explicit UpdateUnderWay(TaskThreads& thread) : thread_(thread) {}
  bool finished() override { return thread_.all_have_ended(); }
  void wait() override { thread_.wait_for_all(); }

 private:
  TaskThreads& thread_;
};

}  // namespace

CpuVisits::CpuVisits(const PartialFCOptions& options, const RankShare& share, ThreadTeam& team)
    : options_(options),
      margin_(resolve_margin(options.margin)),
      share_(share),
      team_(team),
      store_(make_store(options, ClassPlacement(options.num_classes, options.seed), share.blocks)),
      activation_(ClassPlacement(options.num_classes, options.seed), share.blocks, options.sample_rate,
                  options.seed),
      second_visit_(options, store_->layout(), team),
      mine_(options.max_batch * message_width(options.dim)),
      all_(mine_.size() * share.ranks),
      u_(team.size()),
      sums_(team.size()),
      finite_(team.size()) {
  spare_.push_back(std::make_unique<CpuForward>());
  spare_.back()->arithmetic = make_arithmetic(options, team.size());
  update_thread_.add(TaskThreads::Order::kInTurn,
                     [rank = share.rank] { name_trace_thread(rank, "head update"); });
}

Exchange CpuVisits::exchange(int64_t width) {
  const size_t part = options_.max_batch * width;
  return {.mine = std::span(mine_).first(part), .all = std::span(all_).first(part * share_.ranks)};
}

void CpuVisits::observe_rows(RowObserver* observer) {
  try {
    update_thread_.wait_for_all();
  } catch (...) {
    // The next pack() throws it.
  }
  observer_ = observer;
}

// A row: x (D float32), then y (int64); rows past this rank's batch carry −1.
Exchange CpuVisits::pack(const HostFeatures& batch) {
  const auto& [features, labels, gradients] = batch;
  update_thread_.wait_for_all();
  if (spare_.empty()) {
    spare_.push_back(std::make_unique<CpuForward>());
    spare_.back()->arithmetic = make_arithmetic(options_, team_.size());
  }
  pending_.push_back(std::move(spare_.back()));
  spare_.pop_back();
  forward_ = pending_.back().get();

  const int64_t dim = options_.dim, width = message_width(dim);
  const Exchange message = exchange(width);
  team_.for_each_part(0, options_.max_batch, [&](int, int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      float* row = &message.mine[n * width];
      const int64_t label = n < features.rows ? labels[n] : -1;
      if (label < -1 || label >= options_.num_classes)
        fail("row {}: label {} of {} classes; labels are 0 ... {}, or -1 for a row to leave out", n, label,
             options_.num_classes, options_.num_classes - 1);
      if (label >= 0)
        std::copy_n(features[n], dim, row);
      else
        std::fill_n(row, dim, 0.0f);
      std::memcpy(row + dim, &label, sizeof label);
    }
  });
  return message;
}

void CpuVisits::set_batch() {
  CpuForward& forward = *forward_;
  const int64_t dim = options_.dim, width = message_width(dim);
  const std::span<const float> all = exchange(width).all;
  forward.labels.clear();
  forward.rows.clear();
  for (int64_t row = 0; row < options_.max_batch * share_.ranks; ++row) {
    int64_t label;
    std::memcpy(&label, &all[row * width + dim], sizeof label);
    if (label < 0) continue;
    forward.labels.push_back(label);
    forward.rows.push_back(row);
  }
  forward.features.resize(forward.samples(), dim);
  std::ranges::fill(finite_, true);
  team_.for_each_part(0, forward.samples(), [&](int thread, int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const float* x = &all[forward.rows[n] * width];
      finite_[thread] = finite_[thread] && all_finite(x, dim);
      normalize(x, forward.features[n], dim);
    }
  });
  forward.features_finite = std::ranges::all_of(finite_, std::identity());
  forward.arithmetic->set_features(forward.features.view(), team_);
}

void CpuVisits::activate(int64_t step) {
  CpuForward& forward = *forward_;
  activation_.activate(step, forward.labels, *store_, options_.file_store.has_value(), team_, forward.active);
  forward.records.resize(forward.active.size());
  store_->pin(forward.active.slots, forward.records);
  forward.pinned = true;
  forward.inverse_norms.resize(forward.active.size());
  forward.split = TileSplit(forward.active.size(), team_.size());
  int64_t budget = options_.kept_bytes;
  for (const auto& pending : pending_)
    if (pending.get() != &forward) budget -= static_cast<int64_t>(pending->values.size());
  forward.make_places(budget, team_.size());
}

// ∂x̂_n = weight_n U_n + coefficient_n ŵ_y
Exchange CpuVisits::feature_gradients() {
  CpuForward& forward = *forward_;
  const int64_t dim = options_.dim;
  const Exchange message = exchange(dim);
  const MatrixView<float> all{message.all.data(), options_.max_batch * share_.ranks, dim};
  team_.for_each_part(0, all.rows, [&](int, int64_t begin, int64_t end) {
    int64_t n = std::ranges::lower_bound(forward.rows, begin) - forward.rows.begin();
    for (int64_t row = begin; row < end; ++row) {
      if (n < forward.samples() && forward.rows[n] == row) {
        scale(forward.weights[n], u_[0][n], all[row], dim);
        ++n;
      } else {
        std::fill_n(all[row], dim, 0.0f);
      }
    }
  });
  const auto& targets = forward.active.targets;
  team_.for_each_part(0, std::ssize(targets), [&](int, int64_t begin, int64_t end) {
    std::vector<float> center(dim);
    for (int64_t i = begin; i < end; ++i) {
      const auto& [active, sample, cosine, coefficient] = targets[i];
      if (options_.precision == Precision::kFloat32)
        std::memcpy(center.data(), forward.records[active], dim * sizeof(float));
      else
        to_float(reinterpret_cast<const BFloat16*>(forward.records[active]), center.data(), dim);
      add_scaled(static_cast<float>(coefficient) * forward.inverse_norms[active], center.data(),
                 all[forward.rows[sample]], dim);
    }
  });
  return message;
}

void CpuVisits::finish_gradients(const HostFeatures& batch) {
  const auto& [features, labels, gradients] = batch;
  const int64_t dim = options_.dim;
  const std::span<float> mine = exchange(dim).mine;
  team_.for_each_part(0, features.rows, [&](int, int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      std::copy_n(&mine[n * dim], dim, gradients[n]);  // zero where the label is −1
      if (labels[n] < 0) continue;
      through_normalization(features[n], inverse_norm(features[n], dim), gradients[n], dim);
    }
  });
}

void CpuVisits::release(std::unique_ptr<CpuForward> forward, bool changed) {
  if (forward.get() == forward_) forward_ = nullptr;
  const bool pinned = std::exchange(forward->pinned, false);
  spare_.push_back(std::move(forward));
  if (pinned) store_->unpin(spare_.back()->active.slots, changed);
}

void CpuVisits::drop_last() {
  if (forward_ == nullptr) return;
  update_thread_.wait_for_all();
  std::unique_ptr<CpuForward> forward = std::move(pending_.back());
  pending_.pop_back();
  release(std::move(forward), false);
}

void CpuVisits::update(const UpdateStep& step) {
  const TraceSpan span("head.update");
  second_visit_(pending_, step, observer_);
  for (auto& forward : pending_) release(std::move(forward), true);
  pending_.clear();
}

Request CpuVisits::begin_update(const UpdateStep& step) {
  update_thread_.add(TaskThreads::Order::kInTurn, [this, step] { update(step); });
  return Request(std::make_unique<UpdateUnderWay>(update_thread_));
}

std::unique_ptr<Visits> make_cpu_visits(const PartialFCOptions& options, const RankShare& share,
                                        ThreadTeam& team) {
  return std::make_unique<CpuVisits>(options, share, team);
}

}  // namespace partialfc
