#include "partialfc/centers/device_store.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "partialfc/base/error.h"

namespace partialfc {

namespace {

constexpr int64_t kPieceBytes = 8 << 20;  // of records on their way between host and device

}  // namespace

DeviceStore::DeviceStore(const ClassPlacement& placement, Range positions, const RecordLayout& layout,
                         uint64_t seed, int64_t frame_bytes)
    : CenterStore(placement, positions, layout, seed),
      piece_rows_(std::max<int64_t>(1, std::min(positions.size(), kPieceBytes / layout.bytes()))) {
  if (positions.size() > std::numeric_limits<int32_t>::max())
    fail_usage("{} classes on one device, at most {} have room; start more ranks", positions.size(),
               std::numeric_limits<int32_t>::max());
  if (frame_bytes > 0)
    frames_ = std::make_unique<DeviceFrames>(positions.size(), layout.bytes(), frame_bytes);
  else
    records_ = DeviceBuffer<std::byte>(positions.size() * layout.bytes());
  changed_ = DeviceBuffer<uint8_t>(positions.size());
  piece_slots_ = DeviceBuffer<int32_t>(piece_rows_);
  piece_ = DeviceBuffer<std::byte>(piece_rows_ * layout.bytes());
  host_slots_ = PinnedBuffer<int32_t>(piece_rows_);
  host_piece_ = PinnedBuffer<std::byte>(piece_rows_ * layout.bytes());
  located_.resize(positions.size());
  clear(changed_.span(), stream_);
  if (layout.precision == Precision::kFloat32)
    draw<float>(placement, seed);
  else
    draw<BFloat16>(placement, seed);
  stream_.synchronize();
}

template <class T>
void DeviceStore::draw(const ClassPlacement& placement, uint64_t seed) {
  const auto draw_part = [&](Range slots, DeviceSpan<std::byte> to) {
    draw_rows(records_in<T>(to), slots.size(), placement.permutation(), positions().first + slots.first,
              center_key(seed), kCenterSigma, stream_);
  };
  const int64_t rows = positions().size(), bytes = layout().bytes();
  if (!frames_) return draw_part({0, rows}, records_.span());
  for (int64_t first = 0; first < rows; first += piece_rows_) {  // on the device, and out
    const Range slots{first, std::min(first + piece_rows_, rows)};
    draw_part(slots, piece_.span());
    copy<std::byte>(piece_.first(slots.size() * bytes),
                    frames_->host_records().subspan(first * bytes, slots.size() * bytes), stream_);
  }
}

// Of these slots, which have changed on the device or been asked for by the host.
std::vector<uint8_t> DeviceStore::alive(Range slots) const {
  PinnedBuffer<uint8_t> flags(slots.size());
  if (slots.size() == 0) return {};
  copy<uint8_t>(changed_.span().part(slots.first, slots.size()), flags.span(), stream_);
  stream_.synchronize();
  std::vector<uint8_t> alive(slots.size());
  for (int64_t i = 0; i < slots.size(); ++i) alive[i] = flags[i] | located_[slots.first + i];
  return alive;
}

int64_t DeviceStore::rows_alive() const {
  const std::vector<uint8_t> flags = alive({0, slot_bound()});
  return std::count(flags.begin(), flags.end(), 1);
}

void DeviceStore::locate(std::span<const int64_t> positions, std::span<int64_t> slots, ThreadTeam&) {
  PFC_CHECK(positions.size() == slots.size());
  for (size_t i = 0; i < positions.size(); ++i) {
    slots[i] = positions[i] - this->positions().first;
    PFC_CHECK(slots[i] >= 0 && slots[i] < slot_bound(), "position {} of another rank", positions[i]);
    located_[slots[i]] = 1;
  }
}

std::vector<int64_t> DeviceStore::living_positions(Range range) const {
  const int64_t first = std::max(range.first, positions().first),
                last = std::min(range.last, positions().last);
  std::vector<int64_t> living;
  if (first >= last) return living;
  const std::vector<uint8_t> flags = alive({first - positions().first, last - positions().first});
  for (int64_t i = 0; i < last - first; ++i)
    if (flags[i] != 0) living.push_back(first + i);
  return living;
}

template <class Task>
void DeviceStore::for_each_piece(std::span<const int64_t> slots, Task task) {
  for (int64_t first = 0; first < std::ssize(slots); first += piece_rows_) {
    const int64_t count = std::min(piece_rows_, std::ssize(slots) - first);
    for (int64_t i = 0; i < count; ++i) {
      PFC_CHECK(slots[first + i] >= 0 && slots[first + i] < slot_bound());
      host_slots_[i] = static_cast<int32_t>(slots[first + i]);
    }
    copy<int32_t>(host_slots_.span().first(count), piece_slots_.first(count), stream_);
    task(first, piece_slots_.first(count));
    stream_.synchronize();
  }
}

void DeviceStore::copy_out(DeviceSpan<const int32_t> slots, DeviceSpan<std::byte> to) {
  const auto copy = [&]<class T>() {
    copy_out_records<T>(records<const T>(), slots,
                        {reinterpret_cast<T*>(to.address), slots.size * layout().numbers()}, stream_);
  };
  if (frames_)
    frames_->read(slots, to, stream_);
  else
    layout().precision == Precision::kFloat32 ? copy.operator()<float>() : copy.operator()<BFloat16>();
}

void DeviceStore::copy_in(DeviceSpan<const int32_t> slots, DeviceSpan<const std::byte> from) {
  const auto copy = [&]<class T>() {
    copy_in_records<T>({reinterpret_cast<const T*>(from.address), slots.size * layout().numbers()}, slots,
                       records<T>(), stream_);
  };
  if (frames_)
    frames_->write(slots, from, stream_);
  else
    layout().precision == Precision::kFloat32 ? copy.operator()<float>() : copy.operator()<BFloat16>();
}

void DeviceStore::read_records(std::span<const int64_t> slots, std::span<std::byte> records, ThreadTeam&) {
  const int64_t bytes = layout().bytes();
  PFC_CHECK(std::ssize(records) == std::ssize(slots) * bytes);
  for_each_piece(slots, [&](int64_t first, DeviceSpan<const int32_t> piece) {
    const int64_t size = piece.size * bytes;
    copy_out(piece, piece_.first(size));
    copy<std::byte>(piece_.first(size), host_piece_.span().first(size), stream_);
    stream_.synchronize();
    std::memcpy(&records[first * bytes], host_piece_.span().data(), size);
  });
}

void DeviceStore::write_records(std::span<const int64_t> slots, std::span<const std::byte> records,
                                ThreadTeam&) {
  const int64_t bytes = layout().bytes();
  PFC_CHECK(std::ssize(records) == std::ssize(slots) * bytes);
  for_each_piece(slots, [&](int64_t first, DeviceSpan<const int32_t> piece) {
    const int64_t size = piece.size * bytes;
    std::memcpy(host_piece_.span().data(), &records[first * bytes], size);
    copy<std::byte>(host_piece_.span().first(size), piece_.first(size), stream_);
    copy_in(piece, piece_.first(size));
  });
  for (const int64_t slot : slots) located_[slot] = 1;
}

}  // namespace partialfc
