#include "partialfc/head/partial_fc.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "partialfc/base/error.h"
#include "partialfc/base/radix_sort.h"
#include "partialfc/head/partial_fc_step.h"
#include "partialfc/kernels/center_rows.h"
#include "partialfc/kernels/vector_ops.h"

namespace partialfc {

namespace {

constexpr double kSmallestSum = 1e-30;  // a Z⁻ below it has lost digits, or has no terms

// The shift that keeps exp(s·c − κ) inside float32 for |c| <= 1.
float fixed_shift(float s) { return std::max(0.0f, s - 64); }

}  // namespace

PartialFC::PartialFC(const PartialFCOptions& options, Communicator& comm, ThreadTeam& team)
    : options_(options),
      margin_(resolve_margin(options.margin)),
      comm_(comm),
      team_(team),
      placement_(options.num_classes, options.seed),
      blocks_(placement_.blocks_of_rank(comm.rank(), comm.size())),
      sampler_(placement_, options.sample_rate, options.seed) {
  if (comm.size() > placement_.num_blocks())
    fail_usage("{} ranks for {} classes: at most {} ranks can share them; start fewer ranks", comm.size(),
               options.num_classes, placement_.num_blocks());
  PFC_CHECK(options.dim > 0 && options.max_batch > 0);
  options.optimizer.validate();
  const RecordLayout layout{
      .dim = options.dim, .states = options.optimizer.states(), .precision = options.precision};
  const Range positions = placement_.positions_of_blocks(blocks_);
  store_ = options.file_store
               ? make_file_store(placement_, positions, layout, options.seed, *options.file_store)
               : make_memory_store(placement_, positions, layout, options.seed);
  step_ = std::make_unique<Step>();
  step_->arithmetic = options.precision == Precision::kFloat32
                          ? make_float32_tiles(options.dim, team.size())
                          : make_bfloat16_tiles(options.dim, team.size());
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
  step_->arithmetic->set_features(step_->features.view());
  make_room_for_values();
  step_->shifts.assign(step_->samples(), fixed_shift(margin_.scale));
  visit_centers(false);
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
    normalize(x, step.features[n], dim);
  }
}

// Brings the rows of these positions to life and pins them, in the order of their slots.
void PartialFC::take_rows(std::span<const int64_t> positions) {
  Step& step = *step_;
  const int64_t first = store_->positions().first;
  step.slots.resize(positions.size());
  step.positions.resize(positions.size());
  step.records.resize(positions.size());
  store_->locate(positions, step.slots, team_);
  step.order.resize(positions.size());
  for (size_t i = 0; i < positions.size(); ++i)
    step.order[i] = static_cast<uint64_t>(step.slots[i]) << 32 | static_cast<uint64_t>(positions[i] - first);
  sort_by_upper_half(step.order, static_cast<uint64_t>(store_->rows_alive()), step.order_scratch);
  for (size_t i = 0; i < step.order.size(); ++i) {
    step.slots[i] = static_cast<int64_t>(step.order[i] >> 32);
    step.positions[i] = static_cast<int64_t>(step.order[i] & UINT32_MAX) + first;
  }
  store_->pin(step.slots, step.records);
  step.pinned = true;
}

// A step's negatives are known before its batch is: their rows can be on their way meanwhile.
void PartialFC::expect_rows_of(int64_t step) {
  std::vector<int64_t> positions;
  sampler_.sample(step, blocks_, {}, positions, team_);
  store_->expect(positions);
}

void PartialFC::activate_classes(int64_t step_number) {
  Step& step = *step_;
  step.number = step_number;
  if (step.pinned) store_->unpin(step.slots, false);
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
  take_rows(positions);
  if (options_.file_store) expect_rows_of(step_number + 1);

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

// AllReduce of (Z⁻, z_y, flag). The flag counts ranks that met something not finite other than an overflown Z⁻.
void PartialFC::reduce_sums() {
  Step& step = *step_;
  const int64_t samples = step.samples();
  std::vector<float>& message = step.reduced;
  message.assign(2 * samples + 1, 0.0f);
  std::copy_n(step.sums[0].begin(), samples, message.begin());
  for (const Step::Target& target : step.targets)
    message[samples + target.sample] =
        static_cast<float>(margin_.scale * with_margin(margin_, target.cosine).value);
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
  visit_centers(true);
  step.shifts = step.sums[0];
  comm_.all_reduce(std::span(step.shifts), ReduceOp::kMax).wait();
  for (float& shift : step.shifts)
    if (std::isinf(shift)) shift = 0;  // no negative at all: nothing will be summed
  visit_centers(false);
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
  const double s_over_n = margin_.scale / static_cast<double>(std::max<int64_t>(1, samples));
  std::vector<double> target_minus_one(samples);  // p_y − 1 = −Z⁻/(Z⁻ + E_y)
  double loss = 0;
  for (int64_t n = 0; n < samples; ++n) {
    const double negatives = step.reduced[n];
    const double log_target = double{step.reduced[samples + n]} - step.shifts[n];
    const double log_ratio = std::log(negatives) - log_target;  // log(Z⁻/E_y), −infinity without negatives
    loss += log_ratio > 0 ? log_ratio + std::log1p(std::exp(-log_ratio)) : std::log1p(std::exp(log_ratio));
    const double sum = negatives + std::exp(log_target);
    step.weights[n] = negatives == 0 ? 0 : static_cast<float>(s_over_n / sum);
    target_minus_one[n] = negatives == 0 ? 0 : -1 / (1 + std::exp(-log_ratio));
    scale(step.weights[n], step.features[n], step.weighted_features[n], options_.dim);
  }
  step.arithmetic->set_weighted_features(step.weighted_features.view());
  for (Step::Target& target : step.targets)
    target.coefficient =
        s_over_n * target_minus_one[target.sample] * with_margin(margin_, target.cosine).derivative;
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
    store_->read(std::span(&step.slots[target.column], 1), {center.data(), 1, dim});
    add_scaled(static_cast<float>(target.coefficient) * step.inverse_norms[target.column], center.data(),
               all[step.padded_rows[target.sample]], dim);
  }
  comm_.reduce_scatter(std::span<const float>(all.data(), all.size()), std::span(mine.data(), mine.size()))
      .wait();
  std::vector<float> unit(dim);
  for (int64_t n = 0; n < features.rows; ++n) {
    if (labels[n] < 0) continue;
    through_normalization(features[n], normalize(features[n], unit.data(), dim), mine[n], dim);
    std::copy_n(mine[n], dim, feature_gradients[n]);
  }
}

}  // namespace partialfc
