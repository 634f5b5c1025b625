#include "partialfc/checkpoint/center_snapshot.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <numeric>

#include "partialfc/base/error.h"

namespace partialfc {

namespace {

// What a row takes in a file: its record, class and order.
int64_t row_bytes(const RecordLayout& layout) { return layout.bytes() + 2 * int64_t{sizeof(int64_t)}; }

}  // namespace

CenterSnapshot::CenterSnapshot(PartialFC& head, ThreadTeam& team, int rank, int world_size)
    : head_(head), team_(team), rank_(rank), world_size_(world_size) {
  head.observe_rows(this);
}

CenterSnapshot::~CenterSnapshot() {
  head_.observe_rows(nullptr);
  if (!written_.valid()) return;
  pieces_->stop();
  written_.wait();
}

void CenterSnapshot::continue_from(const std::filesystem::path& folder, const Manifest& manifest) {
  folder_ = folder;
  files_ = center_files_of_rank(manifest, rank_, world_size_);
  changed_.assign(head_.store().slot_bound(), false);
}

bool CenterSnapshot::needs_base(int64_t changed_rows) const {
  if (files_.empty() || std::ssize(files_) > kMostDeltas) return true;
  const RecordLayout& layout = head_.store().layout();
  int64_t deltas = changed_rows * row_bytes(layout);
  for (size_t i = 1; i < files_.size(); ++i) deltas += static_cast<int64_t>(files_[i].bytes);
  return deltas >= head_.store().rows_alive() * row_bytes(layout);
}

void CenterSnapshot::begin(const CheckpointWriter& checkpoint, const SnapshotPace& pace) {
  PFC_CHECK(!written_.valid() && pace.steps >= 1);
  const int64_t slots = head_.store().slot_bound();
  changed_.resize(slots, true);
  due_ = std::exchange(changed_, std::vector<bool>(slots, false));
  if (needs_base(std::count(due_.begin(), due_.end(), true))) {
    files_.clear();
    due_.assign(slots, true);
  }
  built_on_ = std::exchange(files_, {});
  rows_ = select_rows(head_, team_, [&](int64_t slot) { return due_[slot]; });
  due_.assign(slots, false);  // without those where no row lives yet
  for (const int64_t slot : rows_.slots) due_[slot] = true;
  name_ = center_file_name(rank_, world_size_, std::ssize(built_on_));
  place_ = checkpoint.place();
  next_row_ = 0;
  piece_rows_ = std::max({int64_t{1}, pace.least_bytes / head_.store().layout().bytes(),
                          (rows_.size() + pace.steps - 1) / pace.steps});
  aside_ = std::make_unique<Aside>(slots);
  pieces_ = std::make_unique<PieceQueue>();
  written_ = std::async(std::launch::async, [this, &checkpoint, metadata = center_metadata(head_)] {
    try {
      return write_files(checkpoint, metadata);
    } catch (...) {
      pieces_->stop();
      throw;
    }
  });
}

// On a thread of its own: reads what begin() has set, and takes records from the queue.
std::vector<ManifestFile> CenterSnapshot::write_files(const CheckpointWriter& checkpoint,
                                                      const TensorMetadata& metadata) {
  for (const ManifestFile& file : built_on_) checkpoint.link_file(folder_, file.name);
  const RecordLayout& layout = head_.store().layout();
  SafetensorsWriter writer =
      start_center_file(checkpoint.path_of(name_), rows_, head_.placement(), layout, metadata);
  for (int64_t left = rows_.size() * layout.bytes(); left > 0;) {
    const std::optional<PieceQueue::Piece> piece = pieces_->pop();
    if (!piece) return {};  // given up
    writer.append("records", piece->bytes());
    left -= std::ssize(piece->bytes());
  }
  aside_.reset();  // here, since it takes long: with the last piece its rows have been copied
  writer.close();
  std::vector<ManifestFile> files = built_on_;
  files.push_back(checkpoint.finish_file(name_, writer.checksum()));
  return files;
}

void CenterSnapshot::advance() {
  if (is_copying() && pieces_->has_room()) copy_piece();
}

void CenterSnapshot::copy_piece() {
  const int64_t rows = std::min(piece_rows_, rows_.size() - next_row_);
  PieceQueue::Piece piece(rows * head_.store().layout().bytes());
  copy_rows(std::span(rows_.slots).subspan(next_row_, rows), piece.bytes());
  next_row_ += rows;
  pieces_->push(std::move(piece));
}

// The rows in these slots as they were when the snapshot began; to: (slots, bytes of a record).
void CenterSnapshot::copy_rows(std::span<const int64_t> slots, std::span<std::byte> to) {
  const int64_t bytes = head_.store().layout().bytes();
  std::vector<int64_t> in_store, places;  // slots, and where they stand in `slots`
  std::vector<int64_t> set_aside;         // places
  for (int64_t i = 0; i < std::ssize(slots); ++i) {
    due_[slots[i]] = false;
    if ((*aside_)[slots[i]] != nullptr) {
      set_aside.push_back(i);
    } else {
      in_store.push_back(slots[i]);
      places.push_back(i);
    }
  }
  if (set_aside.empty()) return head_.store().read_records(slots, to, team_);
  const ReservedMemory read(in_store.size() * bytes, ReservedMemory::Pages::kHuge);
  head_.store().read_records(in_store, {read.data(), in_store.size() * bytes}, team_);
  team_.for_each_part(0, std::ssize(places), [&](int, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) std::memcpy(&to[places[i] * bytes], read.data() + i * bytes, bytes);
  });
  team_.for_each_part(0, std::ssize(set_aside), [&](int, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      std::memcpy(&to[set_aside[i] * bytes], (*aside_)[slots[set_aside[i]]], bytes);
  });
}

void CenterSnapshot::before_change(std::span<const int64_t> slots) {
  std::vector<int64_t> copied;  // due, and not copied yet
  for (const int64_t slot : slots) {
    if (slot >= std::ssize(changed_)) continue;  // came to life since
    changed_[slot] = true;
    if (is_copying() && due_[slot] && (*aside_)[slot] == nullptr) copied.push_back(slot);
  }
  if (copied.empty()) return;
  const int64_t bytes = head_.store().layout().bytes();
  std::byte* memory = aside_->memory.emplace_back(copied.size() * bytes, ReservedMemory::Pages::kHuge).data();
  head_.store().read_records(copied, {memory, copied.size() * bytes}, team_);
  for (size_t i = 0; i < copied.size(); ++i) (*aside_)[copied[i]] = memory + i * bytes;
}

bool CenterSnapshot::is_written() const {
  PFC_CHECK(written_.valid());
  if (written_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return false;
  written_.get();
  return true;
}

std::vector<ManifestFile> CenterSnapshot::finish() {
  PFC_CHECK(written_.valid());
  while (is_copying()) copy_piece();
  files_ = written_.get();
  written_ = {};
  rows_ = {};
  next_row_ = 0;
  due_.clear();
  folder_ = place_;
  return files_;
}

}  // namespace partialfc
