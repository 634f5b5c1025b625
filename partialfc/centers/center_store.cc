#include "partialfc/centers/center_store.h"

#include <algorithm>

#include "partialfc/base/error.h"
#include "partialfc/base/random.h"

namespace partialfc {

void initial_center(uint64_t seed, int64_t class_id, std::span<float> center) {
  fill_normal(center, mix(seed, static_cast<uint64_t>(Purpose::kCenterInit)), static_cast<uint64_t>(class_id),
              kCenterSigma);
}

CenterStore::CenterStore(const ClassPlacement& placement, Range positions, const RecordLayout& layout,
                         uint64_t seed)
    : placement_(placement), positions_(positions), layout_(layout), seed_(seed) {
  PFC_CHECK(layout.dim > 0 && layout.states >= 0);
}

void CenterStore::initialize(int64_t position, std::byte* record) const {
  const int64_t class_id = placement_.class_at(position);
  if (layout_.precision == Precision::kFloat32) {
    initial_center(seed_, class_id, {reinterpret_cast<float*>(record), static_cast<size_t>(layout_.dim)});
    return;
  }
  std::vector<float> center(layout_.dim);
  initial_center(seed_, class_id, center);
  std::transform(center.begin(), center.end(), reinterpret_cast<BFloat16*>(record), to_bfloat16);
}

void CenterStore::read(std::span<const int64_t> slots, MatrixView<float> rows) {
  PFC_CHECK(rows.rows == std::ssize(slots) && rows.cols <= layout_.numbers());
  std::vector<std::byte*> records(slots.size());
  pin(slots, records);
  for (int64_t i = 0; i < rows.rows; ++i) {
    if (layout_.precision == Precision::kFloat32) {
      std::copy_n(reinterpret_cast<const float*>(records[i]), rows.cols, rows[i]);
    } else {
      const auto* numbers = reinterpret_cast<const BFloat16*>(records[i]);
      std::transform(numbers, numbers + rows.cols, rows[i], [](BFloat16 x) { return to_float(x); });
    }
  }
  unpin(slots, false);
}

void CenterStore::write(std::span<const int64_t> slots, MatrixView<const float> rows) {
  PFC_CHECK(rows.rows == std::ssize(slots) && rows.cols == layout_.numbers());
  std::vector<std::byte*> records(slots.size());
  pin(slots, records);
  for (int64_t i = 0; i < rows.rows; ++i) {
    if (layout_.precision == Precision::kFloat32)
      std::copy_n(rows[i], rows.cols, reinterpret_cast<float*>(records[i]));
    else
      std::transform(rows[i], rows[i] + rows.cols, reinterpret_cast<BFloat16*>(records[i]), to_bfloat16);
  }
  unpin(slots, true);
}

}  // namespace partialfc
