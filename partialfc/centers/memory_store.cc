#include <algorithm>

#include "partialfc/base/error.h"
#include "partialfc/base/random.h"
#include "partialfc/base/reserved_memory.h"
#include "partialfc/centers/center_store.h"

namespace partialfc {

void initial_center(uint64_t seed, int64_t class_id, std::span<float> center) {
  fill_normal(center, mix(seed, static_cast<uint64_t>(Purpose::kCenterInit)), static_cast<uint64_t>(class_id),
              kCenterSigma);
}

namespace {

using Pages = ReservedMemory::Pages;

class MemoryStore final : public CenterStore {
 public:
  MemoryStore(const ClassPlacement& placement, Range positions, int64_t dim, int64_t record_size,
              uint64_t seed)
      : placement_(placement),
        positions_(positions),
        dim_(dim),
        record_size_(record_size),
        seed_(seed),
        slot_plus_one_(positions.size() * sizeof(uint32_t), Pages::kSmall),
        records_(positions.size() * record_size * sizeof(float), Pages::kHuge) {
    PFC_CHECK(record_size >= dim && dim > 0);
    PFC_CHECK(positions.size() < int64_t{UINT32_MAX}, "{} rows on one rank", positions.size());
  }

  Range positions() const override { return positions_; }
  int64_t dim() const override { return dim_; }
  int64_t record_size() const override { return record_size_; }
  int64_t rows_alive() const override { return rows_alive_; }

  void locate(std::span<const int64_t> positions, std::span<int64_t> slots, ThreadTeam& team) override {
    PFC_CHECK(positions.size() == slots.size());
    born_.clear();
    for (size_t i = 0; i < positions.size(); ++i) {
      PFC_CHECK(positions[i] >= positions_.first && positions[i] < positions_.last);
      uint32_t& entry = slot_plus_one_.as<uint32_t>()[positions[i] - positions_.first];
      if (entry == 0) {
        entry = static_cast<uint32_t>(++rows_alive_);
        born_.push_back(positions[i]);
      }
      slots[i] = int64_t{entry} - 1;
    }
    const int64_t first_born = rows_alive_ - static_cast<int64_t>(born_.size());
    team.for_each_part(0, static_cast<int64_t>(born_.size()), [&](int, int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)  // the state behind the center is zero: its pages are new
        initial_center(seed_, placement_.class_at(born_[i]),
                       {record(first_born + i), static_cast<size_t>(dim_)});
    });
  }

  void gather(std::span<const int64_t> slots, MatrixView<float> rows) const override {
    PFC_CHECK(rows.rows == std::ssize(slots) && rows.cols <= record_size_);
    for (int64_t i = 0; i < rows.rows; ++i) std::copy_n(record(slots[i]), rows.cols, rows[i]);
  }

  void scatter(std::span<const int64_t> slots, MatrixView<const float> rows) override {
    PFC_CHECK(rows.rows == std::ssize(slots) && rows.cols == record_size_);
    for (int64_t i = 0; i < rows.rows; ++i) std::copy_n(rows[i], rows.cols, record(slots[i]));
  }

  std::vector<int64_t> living_positions(Range range) const override {
    std::vector<int64_t> living;
    for (int64_t position = std::max(range.first, positions_.first);
         position < std::min(range.last, positions_.last); ++position)
      if (slot_plus_one_.as<uint32_t>()[position - positions_.first] != 0) living.push_back(position);
    return living;
  }

 private:
  float* record(int64_t slot) const { return records_.as<float>() + slot * record_size_; }

  const ClassPlacement placement_;
  const Range positions_;
  const int64_t dim_;
  const int64_t record_size_;
  const uint64_t seed_;
  ReservedMemory slot_plus_one_;  // uint32 (positions), 0: not alive
  ReservedMemory records_;        // float32 (slots, record_size)
  int64_t rows_alive_ = 0;
  std::vector<int64_t> born_;  // positions, scratch of locate()
};

}  // namespace

std::unique_ptr<CenterStore> make_memory_store(const ClassPlacement& placement, Range positions, int64_t dim,
                                               int64_t record_size, uint64_t seed) {
  return std::make_unique<MemoryStore>(placement, positions, dim, record_size, seed);
}

}  // namespace partialfc
