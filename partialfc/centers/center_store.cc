#include "partialfc/centers/center_store.h"

#include <algorithm>
#include <cstring>

#include "partialfc/base/error.h"
#include "partialfc/base/random.h"

namespace partialfc {

uint64_t center_key(uint64_t seed) { return mix(seed, static_cast<uint64_t>(Purpose::kCenterInit)); }

void initial_center(uint64_t seed, int64_t class_id, std::span<float> center) {
  fill_normal(center, center_key(seed), static_cast<uint64_t>(class_id), kCenterSigma);
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
  const int64_t numbers = layout_.numbers();
  PFC_CHECK(rows.rows == std::ssize(slots) && rows.cols == numbers);
  ThreadTeam alone(1);
  std::vector<std::byte> records(slots.size() * layout_.bytes());
  read_records(slots, records, alone);
  for (int64_t i = 0; i < rows.rows; ++i) {
    const std::byte* record = &records[i * layout_.bytes()];
    if (layout_.precision == Precision::kFloat32) {
      std::memcpy(rows[i], record, layout_.bytes());
    } else {
      const auto* rounded = reinterpret_cast<const BFloat16*>(record);
      std::transform(rounded, rounded + numbers, rows[i], [](BFloat16 x) { return to_float(x); });
    }
  }
}

void CenterStore::write(std::span<const int64_t> slots, MatrixView<const float> rows) {
  const int64_t numbers = layout_.numbers();
  PFC_CHECK(rows.rows == std::ssize(slots) && rows.cols == numbers);
  ThreadTeam alone(1);
  std::vector<std::byte> records(slots.size() * layout_.bytes());
  for (int64_t i = 0; i < rows.rows; ++i) {
    std::byte* record = &records[i * layout_.bytes()];
    if (layout_.precision == Precision::kFloat32)
      std::memcpy(record, rows[i], layout_.bytes());
    else
      std::transform(rows[i], rows[i] + numbers, reinterpret_cast<BFloat16*>(record), to_bfloat16);
  }
  write_records(slots, records, alone);
}

}  // namespace partialfc
