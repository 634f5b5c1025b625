#include "partialfc/head/reference_visits.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "partialfc/centers/host_store.h"
#include "partialfc/head/active_classes.h"
#include "partialfc/head/softmax_sums.h"
#include "partialfc/kernels/center_rows.h"

namespace partialfc {

namespace {

using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}
void add(Vector& to, double factor, const Vector& v) {
  for (size_t d = 0; d < v.size(); ++d) to[d] += factor * v[d];
}
Vector unit(const Vector& v) {
  Vector out(v.size());
  add(out, reference::inverse_norm(v.data(), std::ssize(v)), v);
  return out;
}
bool finite(const Vector& v) {
  return std::ranges::all_of(v, [](double x) { return std::isfinite(x); });
}
Vector through_normalization(const Vector& v, Vector gradient) {
  reference::through_normalization(v.data(), gradient.data(), std::ssize(v));
  return gradient;
}

struct Forward {
  std::vector<int64_t> labels, rows;  // (N)
  std::vector<Vector> x, w;           // unit (N, D), stored centers (S, D)
  bool finite = true;
  ActiveClasses active;
  std::vector<float> shifts, weights;                     // (N)
  std::map<std::pair<int64_t, int64_t>, Target> targets;  // (class, sample)
};

class ReferenceVisits final : public Visits {
 public:
  ReferenceVisits(const PartialFCOptions& options, const RankShare& share, ThreadTeam& team)
      : options_(options),
        margin_(resolve_margin(options.margin)),
        share_(share),
        team_(team),
        placement_(options.num_classes, options.seed),
        store_(make_memory_store(placement_, placement_.positions_of_blocks(share.blocks),
                                 {.dim = options.dim, .states = options.optimizer.states()}, options.seed)),
        activation_(placement_, share.blocks, options.sample_rate, options.seed),
        mine_(options.max_batch * message_width(options.dim)),
        all_(mine_.size() * share.ranks) {}

  CenterStore& store() override { return *store_; }
  void observe_rows(RowObserver* observer) override { observer_ = observer; }
  bool is_pending() const override { return !pending_.empty(); }
  void drop_last() override {
    if (std::exchange(has_last_, false)) pending_.pop_back();
  }

  using Visits::finish_gradients;
  using Visits::pack;

  Exchange pack(const HostFeatures& batch) override {
    const auto& [features, labels, gradients] = batch;
    pending_.emplace_back();
    has_last_ = true;
    const int64_t dim = options_.dim, width = message_width(dim);
    std::ranges::fill(mine_, 0.0f);
    for (int64_t n = 0; n < options_.max_batch; ++n) {
      const int64_t label = n < features.rows ? labels[n] : -1;
      if (label < -1 || label >= options_.num_classes)
        fail("row {}: label {} of {} classes", n, label, options_.num_classes);
      if (label >= 0) std::copy_n(features[n], dim, &mine_[n * width]);
      std::memcpy(&mine_[n * width + dim], &label, sizeof label);
    }
    return {.mine = mine_, .all = all_};
  }

  void set_batch() override {
    Forward& f = last();
    const int64_t dim = options_.dim, width = message_width(dim);
    for (int64_t row = 0; row < options_.max_batch * share_.ranks; ++row) {
      const float* message = &all_[row * width];
      int64_t label;
      std::memcpy(&label, message + dim, sizeof label);
      if (label < 0) continue;
      f.labels.push_back(label);
      f.rows.push_back(row);
      f.x.push_back(Vector(message, message + dim));
      f.finite = f.finite && finite(f.x.back());
      f.x.back() = unit(f.x.back());
    }
  }

  void activate(int64_t step) override {
    Forward& f = last();
    activation_.activate(step, f.labels, *store_, false, team_, f.active);
    for (const Target& target : f.active.targets) f.targets[{target.active, target.sample}] = target;
    Matrix<float> records(f.active.size(), store_->layout().numbers());
    store_->read(f.active.slots, records.view());
    for (int64_t j = 0; j < f.active.size(); ++j) f.w.emplace_back(records[j], records[j] + options_.dim);
  }

  Message first_visit() override {
    Forward& f = last();
    const size_t samples = f.labels.size();
    f.shifts.assign(samples, fixed_shift(margin_.scale));
    for (auto& [place, target] : f.targets) target.cosine = dot(f.x[place.second], unit(f.w[place.first]));
    sum_up();
    message_.assign(2 * samples + 1, 0.0f);
    std::ranges::copy(negatives_, message_.begin());
    for (const auto& [place, target] : f.targets)
      message_[samples + place.second] =
          static_cast<float>(margin_.scale * with_margin(margin_, target.cosine).value);
    message_.back() = is_finite() ? 0.0f : 1.0f;
    shifted_message_.clear();
    return {.host = message_};
  }

  Message largest_logits() override {
    Forward& f = last();
    f.shifts.assign(f.labels.size(), -std::numeric_limits<float>::infinity());
    for_each_negative(f, [&](int64_t n, int64_t, double logit) {
      f.shifts[n] = std::max(f.shifts[n], static_cast<float>(logit));
    });
    return {.host = f.shifts};
  }

  Message first_visit_shifted() override {
    for (float& shift : last().shifts)
      if (std::isinf(shift)) shift = 0;
    sum_up();
    shifted_message_.assign(negatives_.begin(), negatives_.end());
    shifted_message_.push_back(is_finite() ? 0.0f : 1.0f);
    return {.host = shifted_message_};
  }

  ReducedSums read_sums() override {
    const std::span<const float> sums = shifted_message_.empty() ? message_ : shifted_message_;
    return {sums.first(last().labels.size()), sums.back() == 0, std::ssize(last().labels),
            last().active.size()};
  }

  double finish_softmax() override {
    Forward& f = last();
    const size_t samples = f.labels.size();
    f.weights.resize(samples);
    Vector residuals(samples);
    const double loss = partialfc::finish_softmax(
        margin_.scale, {read_sums().negatives, std::span(message_).subspan(samples, samples), f.shifts},
        f.weights, residuals);
    for (auto& [place, target] : f.targets)
      target.coefficient = residuals[place.second] * with_margin(margin_, target.cosine).derivative;
    return loss;
  }

  Exchange feature_gradients() override {
    Forward& f = last();
    std::vector<Vector> gradients(f.labels.size(), Vector(options_.dim));
    for (size_t n = 0; n < f.labels.size(); ++n) add(gradients[n], f.weights[n], u_[n]);
    for (const auto& [place, target] : f.targets)
      add(gradients[place.second], target.coefficient, unit(f.w[place.first]));
    std::ranges::fill(all_, 0.0f);
    for (size_t n = 0; n < f.labels.size(); ++n)
      std::ranges::copy(gradients[n], &all_[f.rows[n] * options_.dim]);
    const size_t part = options_.max_batch * options_.dim;
    return {.mine = std::span(mine_).first(part), .all = std::span(all_).first(part * share_.ranks)};
  }

  void finish_gradients(const HostFeatures& batch) override {
    const auto& [features, labels, gradients] = batch;
    const int64_t dim = options_.dim;
    for (int64_t n = 0; n < features.rows; ++n) {
      Vector gradient(&mine_[n * dim], &mine_[(n + 1) * dim]);
      if (labels[n] >= 0) gradient = through_normalization(Vector(features[n], features[n] + dim), gradient);
      std::ranges::copy(gradient, gradients[n]);
    }
  }

  Request begin_update(const UpdateStep& step) override {
    update(step);
    return {};
  }

  void update(const UpdateStep& step) override {
    std::map<int64_t, std::pair<Vector, Vector>> rows;  // slot → center, gradient
    for (Forward& f : pending_) {
      std::vector<Vector> gradients(f.w.size(), Vector(options_.dim));  // by the unit center
      for_each_negative(f, [&](int64_t n, int64_t j, double logit) {
        add(gradients[j], f.weights[n] * std::exp(logit - f.shifts[n]), f.x[n]);
      });
      for (const auto& [place, target] : f.targets)
        add(gradients[place.first], target.coefficient, f.x[place.second]);
      for (size_t j = 0; j < f.w.size(); ++j) {
        auto& [center, sum] = rows[f.active.slots[j]];
        center = f.w[j];
        sum.resize(options_.dim);
        add(sum, step.gradient_scale, through_normalization(f.w[j], gradients[j]));
      }
    }
    std::vector<int64_t> slots;
    for (const auto& [slot, row] : rows) slots.push_back(slot);
    if (observer_ != nullptr) observer_->before_change(slots);
    for (const auto& [slot, row] : rows) step_row(step, slot, row.second);
    pending_.clear();
    has_last_ = false;
  }

 private:
  Forward& last() { return pending_.back(); }

  // visit(n, j, s·c_nj) for every class j off the target of n that is not filtered out.
  template <class Visit>
  void for_each_negative(Forward& f, Visit visit) {
    for (size_t j = 0; j < f.w.size(); ++j)
      for (size_t n = 0; n < f.x.size(); ++n) {
        const double cosine = dot(f.x[n], unit(f.w[j]));
        const bool filtered = margin_.filter_above < 1 && cosine > margin_.filter_above;
        if (filtered || f.targets.contains({static_cast<int64_t>(j), static_cast<int64_t>(n)})) continue;
        visit(static_cast<int64_t>(n), static_cast<int64_t>(j),
              margin_.scale * std::clamp(cosine, -1 + 1e-7, 1 - 1e-7));
      }
  }

  // Z⁻ and U of the forward half begun last.
  void sum_up() {
    Forward& f = last();
    Vector sums(f.labels.size());
    u_.assign(f.labels.size(), Vector(options_.dim));
    for_each_negative(f, [&](int64_t n, int64_t j, double logit) {
      const double e = std::exp(logit - f.shifts[n]);
      sums[n] += e;
      add(u_[n], e, unit(f.w[j]));
    });
    negatives_.assign(sums.begin(), sums.end());
  }

  bool is_finite() {
    Forward& f = last();
    bool all = f.finite && std::ranges::all_of(f.w, finite);
    for (size_t n = 0; n < f.labels.size(); ++n)
      if (std::isfinite(negatives_[n])) all = all && finite(u_[n]);
    return all;
  }

  void step_row(const UpdateStep& step, int64_t slot, const Vector& gradient) {
    const int64_t dim = options_.dim;
    std::vector<float> stored(store_->layout().numbers());
    const MatrixView<float> row{stored.data(), 1, std::ssize(stored)};
    store_->read(std::span(&slot, 1), row);
    Vector record(stored.begin(), stored.end());
    reference::optimizer_step(options_.optimizer, step.learning_rate, step.t, gradient.data(), &record[0],
                              &record[dim], record.data() + 2 * dim, dim);
    std::ranges::copy(record, stored.begin());
    store_->write(std::span(&slot, 1), row);
  }

  const PartialFCOptions options_;
  const Margin margin_;
  const RankShare share_;
  ThreadTeam& team_;
  const ClassPlacement placement_;
  const std::unique_ptr<HostCenterStore> store_;
  ClassActivation activation_;
  RowObserver* observer_ = nullptr;
  std::vector<Forward> pending_;
  bool has_last_ = false;  // the last of these is the forward half begun last
  std::vector<float> mine_, all_, message_, shifted_message_, negatives_;
  std::vector<Vector> u_;
};

}  // namespace

std::unique_ptr<Visits> make_reference_visits(const PartialFCOptions& options, const RankShare& share,
                                              ThreadTeam& team) {
  return std::make_unique<ReferenceVisits>(options, share, team);
}

}  // namespace partialfc
