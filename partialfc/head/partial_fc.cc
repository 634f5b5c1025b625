#include "partialfc/head/partial_fc.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "partialfc/base/error.h"
#include "partialfc/kernels/gemm.h"
#include "partialfc/kernels/vector_ops.h"

namespace partialfc {

namespace {

constexpr float kEpsilon = 1e-12f;      // of the normalisations
constexpr int64_t kTile = 256;          // active centers visited at once: their rows stay in the L2 cache
constexpr double kSmallestSum = 1e-30;  // a Z⁻ below it has lost digits, or has no terms
constexpr float kFiltered = 4;          // no cosine: above every filter, so exp_sum() leaves it out

float inverse_norm(const float* v, int64_t dim) { return 1 / std::max(std::sqrt(dot(v, v, dim)), kEpsilon); }

// Gradient by v of v̂ = v/max(‖v‖, ε) from the gradient by v̂, in place; below ε the map is linear.
void through_normalization(const float* unit, float inverse, float* gradient, int64_t dim) {
  if (inverse < 1 / kEpsilon) add_scaled(-dot(gradient, unit, dim), unit, gradient, dim);
  scale(inverse, gradient, gradient, dim);
}

// The shift that keeps exp(s·c − κ) inside float32 for |c| <= 1.
float fixed_shift(float s) { return std::max(0.0f, s - 64); }

}  // namespace

struct PartialFC::Step {
  // The global batch: its N rows that take part, the same on every rank.
  Matrix<float> features;            // x̂ (N, D)
  std::vector<int64_t> labels;       // (N) class ids
  std::vector<int64_t> padded_rows;  // (N) row in the padded global batch
  bool finite = true;
  bool out_of_range = false;

  // The active classes of this rank, in the order of their slots.
  std::vector<int64_t> slots;        // (S)
  std::vector<float> inverse_norms;  // (S)
  struct Target {
    int64_t column, sample;      // active class, row of features
    double cosine, coefficient;  // coefficient: (s/N)(p − 1)ψ'
  };
  std::vector<Target> targets;  // those whose class lives here, by rising column

  // Sums of the softmax. E is kept tile by tile: tile t is (N, columns of t) at N · t · kTile.
  std::vector<float> exponentials;       // E
  std::vector<Matrix<float>> u;          // U (N, D) of each thread
  std::vector<std::vector<float>> sums;  // Z⁻ (N) of each thread, or maxima
  std::vector<float> reduced;            // message of collective 2: Z⁻ (N), z_y (N), flag
  std::vector<float> shifts;             // κ (N)

  std::vector<float> weights;       // (s/N) / (Z⁻_n + E_ny), (N)
  Matrix<float> weighted_features;  // weights_n · x̂_n (N, D)

  int64_t samples() const { return std::ssize(labels); }
  int64_t active() const { return std::ssize(slots); }
  int64_t tiles() const { return (active() + kTile - 1) / kTile; }
  Range columns(int64_t tile) const { return {tile * kTile, std::min((tile + 1) * kTile, active())}; }
  std::span<const int64_t> slots_of(Range columns) const {
    return std::span(slots).subspan(columns.first, columns.size());
  }
  MatrixView<float> tile_exponentials(Range columns) {
    return {exponentials.data() + samples() * columns.first, samples(), columns.size()};
  }
  std::span<Target> targets_of(Range columns) {
    const auto by_column = [](const Target& target, int64_t column) { return target.column < column; };
    const auto first = std::lower_bound(targets.begin(), targets.end(), columns.first, by_column);
    const auto last = std::lower_bound(first, targets.end(), columns.last, by_column);
    return {first, last};
  }
};

PartialFC::PartialFC(const PartialFCOptions& options, Communicator& comm, ThreadTeam& team)
    : options_(options),
      comm_(comm),
      team_(team),
      placement_(options.num_classes, options.seed),
      blocks_(placement_.blocks_of_rank(comm.rank(), comm.size())),
      sampler_(placement_, options.sample_rate, options.seed) {
  if (comm.size() > placement_.num_blocks())
    fail_usage("{} ranks for {} classes: at most {} ranks can share them; start fewer ranks", comm.size(),
               options.num_classes, placement_.num_blocks());
  PFC_CHECK(options.dim > 0 && options.max_batch > 0);
  options.margin.validate();
  options.optimizer.validate();
  store_ = make_memory_store(placement_, placement_.positions_of_blocks(blocks_), options.dim,
                             (1 + options.optimizer.states()) * options.dim, options.seed);
  step_ = std::make_unique<Step>();
  step_->u.resize(team.size());
  step_->sums.resize(team.size());
}

PartialFC::~PartialFC() = default;

HeadStep PartialFC::forward(int64_t step, MatrixView<const float> features, std::span<const int64_t> labels,
                            MatrixView<float> feature_gradients) {
  PFC_CHECK(features.rows == std::ssize(labels) && features.rows <= options_.max_batch,
            "{} rows, {} labels, at most {}", features.rows, labels.size(), options_.max_batch);
  PFC_CHECK(features.cols == options_.dim && feature_gradients.cols == options_.dim &&
            feature_gradients.rows == features.rows);
  exchange_features(features, labels);  // collective 1
  activate_classes(step);
  step_->shifts.assign(step_->samples(), fixed_shift(options_.margin.scale));
  visit_centers(step_->shifts, false);
  reduce_sums();  // collective 2
  const double loss = finish_softmax();
  for (int64_t n = 0; n < features.rows; ++n) std::fill_n(feature_gradients[n], options_.dim, 0.0f);
  if (step_->finite) scatter_feature_gradients(features, labels, feature_gradients);  // collective 3
  return {loss, step_->samples(), step_->active(), step_->finite, step_->out_of_range};
}

// AllGather of a message per row: x (D float32), then y (int64); rows past a rank's batch carry −1.
void PartialFC::exchange_features(MatrixView<const float> features, std::span<const int64_t> labels) {
  Step& step = *step_;
  const int64_t dim = options_.dim, width = dim + 2, rows = options_.max_batch;
  std::vector<float> mine(rows * width, 0.0f), all(rows * width * comm_.size());
  for (int64_t n = 0; n < rows; ++n) {
    const int64_t label = n < features.rows ? labels[n] : -1;
    if (label < -1 || label >= options_.num_classes)
      fail("row {}: label {} of {} classes; labels are 0 ... {}, or -1 for a row to leave out", n, label,
           options_.num_classes, options_.num_classes - 1);
    if (label >= 0) std::copy_n(features[n], dim, &mine[n * width]);
    std::memcpy(&mine[n * width + dim], &label, sizeof label);
  }
  comm_.all_gather(std::span<const float>(mine), std::span(all)).wait();

  step.labels.clear();
  step.padded_rows.clear();
  for (int64_t row = 0; row < rows * comm_.size(); ++row) {
    int64_t label;
    std::memcpy(&label, &all[row * width + dim], sizeof label);
    if (label < 0) continue;
    step.labels.push_back(label);
    step.padded_rows.push_back(row);
  }
  step.features.resize(step.samples(), dim);
  step.finite = true;
  step.out_of_range = false;
  for (int64_t n = 0; n < step.samples(); ++n) {
    const float* x = &all[step.padded_rows[n] * width];
    step.finite = step.finite && all_finite(x, dim);
    scale(inverse_norm(x, dim), x, step.features[n], dim);
  }
}

void PartialFC::activate_classes(int64_t step_number) {
  Step& step = *step_;
  std::vector<std::pair<int64_t, int64_t>> owned;  // (position, sample) of the samples whose class lives here
  for (int64_t n = 0; n < step.samples(); ++n) {
    const int64_t position = placement_.position_of(step.labels[n]);
    if (position >= store_->positions().first && position < store_->positions().last)
      owned.emplace_back(position, n);
  }
  std::sort(owned.begin(), owned.end());
  std::vector<int64_t> positives, positions;
  for (const auto& [position, n] : owned)
    if (positives.empty() || positives.back() != position) positives.push_back(position);
  sampler_.sample(step_number, blocks_, positives, positions, team_);
  step.slots.resize(positions.size());
  store_->locate(positions, step.slots, team_);
  std::sort(step.slots.begin(), step.slots.end());

  std::vector<int64_t> positive_slots(positives.size());
  store_->locate(positives, positive_slots, team_);
  step.targets.clear();
  for (size_t i = 0, distinct = 0; i < owned.size(); ++i) {
    if (owned[i].first != positives[distinct]) ++distinct;
    const auto slot = std::lower_bound(step.slots.begin(), step.slots.end(), positive_slots[distinct]);
    step.targets.push_back({.column = slot - step.slots.begin(), .sample = owned[i].second});
  }
  std::sort(step.targets.begin(), step.targets.end(), [](const auto& a, const auto& b) {
    return std::pair(a.column, a.sample) < std::pair(b.column, b.sample);
  });
}

// The first visit: E, Z⁻ and U of every tile, or (only_max) the largest logit off the target.
void PartialFC::visit_centers(std::span<const float> shifts, bool only_max) {
  Step& step = *step_;
  const int64_t samples = step.samples(), dim = options_.dim;
  step.inverse_norms.resize(step.active());
  step.exponentials.resize(samples * step.active());
  ExpSumOptions exp_options{.scale = options_.margin.scale};
  if (options_.margin.filter_above < 1) exp_options.filter_above = options_.margin.filter_above;

  team_.run([&](int thread) {
    std::vector<float>& sums = step.sums[thread];
    sums.assign(samples, only_max ? -std::numeric_limits<float>::infinity() : 0.0f);
    Matrix<float>& u = step.u[thread];
    u.resize(samples, dim);
    u.fill(0);
    Matrix<float> centers(kTile, dim);
    const Range tiles = part_of(step.tiles(), team_.size(), thread);
    for (int64_t tile = tiles.first; tile < tiles.last; ++tile) {
      const Range columns = step.columns(tile);
      const auto w = centers.view().rows_from(0, columns.size());  // (T, D)
      store_->gather(step.slots_of(columns), w);
      for (int64_t j = 0; j < columns.size(); ++j) {
        const float inverse = inverse_norm(w[j], dim);
        step.inverse_norms[columns.first + j] = inverse;
        scale(inverse, w[j], w[j], dim);
      }
      const auto e = step.tile_exponentials(columns);  // (N, T): cosines, then E
      gemm(Transpose::kNo, Transpose::kYes, 1, step.features.view(), w, 0, e);
      for (Step::Target& target : step.targets_of(columns)) {
        const int64_t j = target.column - columns.first;
        target.cosine = dot(step.features[target.sample], w[j], dim);
        e(target.sample, j) = kFiltered;
      }
      for (int64_t n = 0; n < samples; ++n) {
        ExpSumOptions row = exp_options;
        row.shift = shifts[n];
        if (only_max) {
          sums[n] = std::max(sums[n], max_logit(row, e[n], columns.size()));
        } else {
          sums[n] += exp_sum(row, e[n], columns.size());
        }
      }
      if (!only_max) gemm(Transpose::kNo, Transpose::kNo, 1, e, w, 1, u.view());
    }
  });

  for (int thread = 1; thread < team_.size(); ++thread) {
    for (int64_t n = 0; n < samples; ++n) {
      const float other = step.sums[thread][n];
      step.sums[0][n] = only_max ? std::max(step.sums[0][n], other) : step.sums[0][n] + other;
      if (!only_max) add_scaled(1, step.u[thread][n], step.u[0][n], dim);
    }
  }
}

// AllReduce of (Z⁻, z_y, flag). The flag counts ranks that met something not finite other than an overflown Z⁻.
void PartialFC::reduce_sums() {
  Step& step = *step_;
  const int64_t samples = step.samples();
  std::vector<float>& message = step.reduced;
  message.assign(2 * samples + 1, 0.0f);
  std::copy_n(step.sums[0].begin(), samples, message.begin());
  for (const Step::Target& target : step.targets)
    message[samples + target.sample] = static_cast<float>(target_logit(options_.margin, target.cosine).logit);
  bool finite = step.finite && all_finite(message.data() + samples, samples) &&
                all_finite(step.inverse_norms.data(), step.active());
  for (int64_t n = 0; n < samples; ++n)
    if (std::isfinite(message[n])) finite = finite && all_finite(step.u[0][n], options_.dim);
  message.back() = finite ? 0.0f : 1.0f;
  comm_.all_reduce(std::span(message)).wait();
  step.finite = message.back() == 0;
  if (!step.finite) return;
  const bool in_range = std::all_of(message.begin(), message.begin() + samples,
                                    [](float sum) { return std::isfinite(sum) && sum >= kSmallestSum; });
  if (!in_range) reduce_sums_shifted();
}

// The exact path: each sample's largest logit becomes its shift. Two more collectives, a maximum and a sum.
void PartialFC::reduce_sums_shifted() {
  Step& step = *step_;
  const int64_t samples = step.samples();
  step.out_of_range = true;
  visit_centers(step.shifts, true);
  step.shifts = step.sums[0];
  comm_.all_reduce(std::span(step.shifts), ReduceOp::kMax).wait();
  for (float& shift : step.shifts)
    if (std::isinf(shift)) shift = 0;  // no negative at all: nothing will be summed
  visit_centers(step.shifts, false);
  std::vector<float> sums(step.sums[0]);
  bool finite = all_finite(step.u[0].data(), step.u[0].size());
  sums.push_back(finite ? 0.0f : 1.0f);
  comm_.all_reduce(std::span(sums)).wait();
  step.finite = all_finite(sums.data(), samples) && sums.back() == 0;
  std::copy_n(sums.begin(), samples, step.reduced.begin());
}

// Loss, and the coefficients of both gradients, from the global sums. Returns the loss, NaN if the step is not finite.
double PartialFC::finish_softmax() {
  Step& step = *step_;
  const int64_t samples = step.samples();
  if (!step.finite) return std::numeric_limits<double>::quiet_NaN();
  step.weights.resize(samples);
  step.weighted_features.resize(samples, options_.dim);
  const double s_over_n = options_.margin.scale / static_cast<double>(std::max<int64_t>(1, samples));
  std::vector<double> target_minus_one(samples);  // p_y − 1 = −Z⁻/(Z⁻ + E_y)
  double loss = 0;
  for (int64_t n = 0; n < samples; ++n) {
    const double negatives = step.reduced[n];
    const double log_target = double{step.reduced[samples + n]} - step.shifts[n];
    const double log_ratio = std::log(negatives) - log_target;  // log(Z⁻/E_y), −infinity without negatives
    loss += log_ratio > 0 ? log_ratio + std::log1p(std::exp(-log_ratio)) : std::log1p(std::exp(log_ratio));
    const double sum = negatives + std::exp(log_target);
    step.weights[n] = static_cast<float>(s_over_n / sum);
    target_minus_one[n] = negatives == 0 ? 0 : -1 / (1 + std::exp(-log_ratio));
    scale(step.weights[n], step.features[n], step.weighted_features[n], options_.dim);
  }
  for (Step::Target& target : step.targets)
    target.coefficient =
        s_over_n * target_minus_one[target.sample] * target_logit(options_.margin, target.cosine).derivative;
  loss /= static_cast<double>(std::max<int64_t>(1, samples));
  return loss;
}

// ∂x̂_n = weight_n U_n + coefficient_n ŵ_y, summed over the ranks that hold parts of it; then ∂x of this rank's rows.
void PartialFC::scatter_feature_gradients(MatrixView<const float> features, std::span<const int64_t> labels,
                                          MatrixView<float> feature_gradients) {
  Step& step = *step_;
  const int64_t dim = options_.dim;
  Matrix<float> all(options_.max_batch * comm_.size(), dim), mine(options_.max_batch, dim);
  all.fill(0);
  for (int64_t n = 0; n < step.samples(); ++n)
    scale(step.weights[n], step.u[0][n], all[step.padded_rows[n]], dim);
  std::vector<float> center(dim);
  for (const Step::Target& target : step.targets) {
    store_->gather(std::span(&step.slots[target.column], 1), {center.data(), 1, dim});
    add_scaled(static_cast<float>(target.coefficient) * step.inverse_norms[target.column], center.data(),
               all[step.padded_rows[target.sample]], dim);
  }
  comm_.reduce_scatter(std::span<const float>(all.data(), all.size()), std::span(mine.data(), mine.size()))
      .wait();
  std::vector<float> unit(dim);
  for (int64_t n = 0; n < features.rows; ++n) {
    if (labels[n] < 0) continue;
    const float inverse = inverse_norm(features[n], dim);
    scale(inverse, features[n], unit.data(), dim);
    through_normalization(unit.data(), inverse, mine[n], dim);
    std::copy_n(mine[n], dim, feature_gradients[n]);
  }
}

// The second visit: ∂ŵ = Eᵀ · (weights · x̂) + the targets' terms, then each row's step.
void PartialFC::update(double learning_rate, double gradient_scale) {
  Step& step = *step_;
  if (!step.finite || step.samples() == 0) return;
  const int64_t dim = options_.dim, record_size = store_->record_size();
  ++updates_;
  team_.run([&](int thread) {
    Matrix<float> record_tile(kTile, record_size), gradient_tile(kTile, dim);
    std::vector<float> unit(dim);
    const Range tiles = part_of(step.tiles(), team_.size(), thread);
    for (int64_t tile = tiles.first; tile < tiles.last; ++tile) {
      const Range columns = step.columns(tile);
      const auto records = record_tile.view().rows_from(0, columns.size());
      const auto gradients = gradient_tile.view().rows_from(0, columns.size());
      store_->gather(step.slots_of(columns), records);
      gemm(Transpose::kYes, Transpose::kNo, 1, step.tile_exponentials(columns), step.weighted_features.view(),
           0, gradients);
      for (const Step::Target& target : step.targets_of(columns))
        add_scaled(static_cast<float>(target.coefficient), step.features[target.sample],
                   gradients[target.column - columns.first], dim);
      for (int64_t j = 0; j < columns.size(); ++j) {
        const float inverse = step.inverse_norms[columns.first + j];
        scale(inverse, records[j], unit.data(), dim);
        through_normalization(unit.data(), inverse, gradients[j], dim);
        if (gradient_scale != 1) scale(static_cast<float>(gradient_scale), gradients[j], gradients[j], dim);
        float* w = records[j];
        optimizer_step(options_.optimizer, learning_rate, updates_, gradients[j], w, w + dim, w + 2 * dim,
                       dim);
      }
      store_->scatter(step.slots_of(columns), records);
    }
  });
}

}  // namespace partialfc
