#include "partialfc/head/cpu_update.h"

#include <algorithm>

#include "partialfc/base/random.h"
#include "partialfc/kernels/vector_ops.h"

namespace partialfc {

CpuUpdate::CpuUpdate(const PartialFCOptions& options, const RecordLayout& layout, ThreadTeam& team)
    : options_(options),
      margin_(resolve_margin(options.margin)),
      layout_(layout),
      team_(team),
      work_(team.size()) {
  for (Work& work : work_) {
    work.gradients =
        ReservedMemory(kGroup * padded_stride(options.dim) * sizeof(float), ReservedMemory::Pages::kHuge);
    work.record.resize(layout.numbers());
  }
}

void CpuUpdate::operator()(std::span<const std::unique_ptr<CpuForward>> forwards,
                           const Visits::UpdateStep& step, RowObserver* observer) {
  const RowStep row_step{.optimizer = options_.optimizer,
                         .learning_rate = step.learning_rate,
                         .t = step.t,
                         .gradient_scale = static_cast<float>(step.gradient_scale)};
  if (forwards.size() == 1)
    step_once(*forwards[0], row_step, observer);
  else
    step_with_sum(forwards, row_step, observer);
}

void CpuUpdate::step_row(const RowStep& step, int64_t position, float inverse_norm, float* gradient,
                         std::byte* record, Work& work) const {
  if (layout_.precision == Precision::kFloat32)
    return partialfc::step_row(step, inverse_norm, gradient, reinterpret_cast<float*>(record), layout_.dim);
  const uint64_t key =
      mix(mix(options_.seed, static_cast<uint64_t>(Purpose::kRowRounding)), static_cast<uint64_t>(step.t));
  partialfc::step_row(step, inverse_norm, gradient, reinterpret_cast<BFloat16*>(record), layout_.dim,
                      mix(key, static_cast<uint64_t>(position)), work.record.data());
}

// use(classes, gradients) for groups of the thread's classes; gradients: (classes.size(), D) of ∂ŵ/‖w‖, to be changed.
template <class Use>
void CpuUpdate::make_gradients(CpuForward& forward, int thread, Use use) {
  TileArithmetic& arithmetic = *forward.arithmetic;
  Work& work = work_[thread];
  const TileVisit visit{softmax_options(margin_)};
  const int64_t dim = options_.dim, end = forward.split.classes_of(thread).last;
  for (int64_t tile = 0; tile < forward.split.tiles_of(thread); ++tile) {
    const Range classes = forward.split.tile(thread, tile);
    const std::byte* place = forward.place(thread, tile);
    if (!forward.is_kept(tile)) {
      RowPrefetch none;
      work.sums.assign(forward.samples(), 0.0f);
      visit(forward, thread, tile, work.sums, none, [](CenterTile& again) { again.keep(); });
    }
    for (int64_t first = classes.first; first < classes.last; first += kGroup) {
      const Range group{first, std::min(first + kGroup, classes.last)};
      const Range following{group.last, std::min(group.last + kGroup, end)};
      RowPrefetch next(forward.records_of(following), layout_.bytes(),
                       arithmetic.prefetch_calls(group.size()));
      const MatrixView<float> gradients{work.gradients.as<float>(), group.size(), dim, padded_stride(dim)};
      arithmetic.gradients(place, {first - classes.first, group.last - classes.first}, gradients, next);
      for (const Target& target : forward.active.targets_of(group))
        add_scaled(static_cast<float>(target.coefficient) * forward.inverse_norms[target.active],
                   forward.features[target.sample], gradients[target.active - first], dim);
      use(group, gradients);
      next.finish();
    }
  }
}

void CpuUpdate::step_once(CpuForward& forward, const RowStep& step, RowObserver* observer) {
  if (observer != nullptr) observer->before_change(forward.active.slots);
  team_.run([&](int thread) {
    make_gradients(forward, thread, [&](Range classes, MatrixView<float> gradients) {
      for (int64_t j = classes.first; j < classes.last; ++j) {
        if (j + 1 < classes.last) prefetch_row(forward.records[j + 1], layout_.bytes());
        step_row(step, forward.active.positions[j], forward.inverse_norms[j], gradients[j - classes.first],
                 forward.records[j], work_[thread]);
      }
    });
  });
}

// A row that is active in several forward halves steps once. The gradients are added up in float32, half by half.
void CpuUpdate::step_with_sum(std::span<const std::unique_ptr<CpuForward>> forwards, const RowStep& step,
                              RowObserver* observer) {
  struct Row {
    int64_t slot = 0;
    const CpuForward* forward = nullptr;  // one in which it is active, at index `active`
    int64_t active = 0;
  };
  std::vector<Row> rows;  // by rising slot
  for (const auto& forward : forwards)
    for (int64_t j = 0; j < forward->active.size(); ++j)
      rows.push_back({forward->active.slots[j], forward.get(), j});
  std::ranges::stable_sort(rows, {}, &Row::slot);
  rows.erase(std::ranges::unique(rows, {}, &Row::slot).begin(), rows.end());
  std::vector<int64_t> slots(rows.size());
  std::ranges::transform(rows, slots.begin(), &Row::slot);
  if (observer != nullptr) observer->before_change(slots);

  sums_.resize(std::ssize(rows), padded_stride(options_.dim));
  team_.for_each_part(0, sums_.rows(),
                      [&](int, int64_t begin, int64_t end) { std::fill(sums_[begin], sums_[end], 0.0f); });
  for (const auto& forward : forwards)
    team_.run([&](int thread) {
      make_gradients(*forward, thread, [&](Range classes, MatrixView<float> gradients) {
        for (int64_t j = classes.first; j < classes.last; ++j) {
          const auto row = std::ranges::lower_bound(slots, forward->active.slots[j]) - slots.begin();
          add_scaled(1, gradients[j - classes.first], sums_[row], options_.dim);
        }
      });
    });
  team_.for_each_part(0, std::ssize(rows), [&](int thread, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto& [slot, forward, j] = rows[i];
      step_row(step, forward->active.positions[j], forward->inverse_norms[j], sums_[i], forward->records[j],
               work_[thread]);
    }
  });
}

}  // namespace partialfc
