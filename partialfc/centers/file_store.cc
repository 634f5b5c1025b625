#include "partialfc/centers/file_store.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "partialfc/base/error.h"
#include "partialfc/base/reserved_memory.h"
#include "partialfc/base/scratch_file.h"
#include "partialfc/base/task_threads.h"
#include "partialfc/centers/frame_moves.h"
#include "partialfc/centers/slot_table.h"

namespace partialfc {

namespace {

using Pages = ReservedMemory::Pages;

constexpr uint32_t kNone = Move::kNone;
constexpr int64_t kFileGrowth = 256 << 20;

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

// Where the newest record of a slot is: one of these, or kFirstFrame + its frame.
enum Place : uint32_t { kUnwritten = 0, kInFile, kBeingWritten, kFirstFrame };

struct Frame {
  uint32_t slot = kNone;  // whose record it holds
  int32_t pins = 0;
  bool expected = false;
  bool changed = false;             // newer than the file
  bool in_file = false;             // the file has a record of this slot
  std::atomic<bool> moving{false};  // its record is not there yet
};

class FileStore final : public HostCenterStore {
 public:
  FileStore(const ClassPlacement& placement, Range positions, const RecordLayout& layout, uint64_t seed,
            const FileStoreOptions& options);

  int64_t rows_alive() const override { return slots_.rows_alive(); }
  void locate(std::span<const int64_t> positions, std::span<int64_t> slots, ThreadTeam& team) override;
  void expect(std::span<const int64_t> positions) override;
  void pin(std::span<const int64_t> slots, std::span<std::byte*> records) override;
  void unpin(std::span<const int64_t> slots, bool changed) override;
  int64_t pinnable(std::span<const int64_t> slots) const override;
  std::vector<int64_t> living_positions(Range range) const override { return slots_.living_positions(range); }

 private:
  std::atomic_ref<uint32_t> place(int64_t slot) const {
    return std::atomic_ref(places_.as<uint32_t>()[slot]);
  }
  uint32_t frame_of(int64_t slot) const {  // or kNone
    const uint32_t where = place(slot).load(std::memory_order_acquire);
    return where < kFirstFrame ? kNone : where - kFirstFrame;
  }
  std::byte* record(uint32_t frame) const { return records_.data() + frame * stride_; }
  void add_pin(uint32_t frame) {
    frames_pinned_ += frames_[frame].pins++ == 0;
    frames_[frame].expected = false;  // it has come true
  }
  void drop_pin(uint32_t frame) { frames_pinned_ -= --frames_[frame].pins == 0; }
  void set_expected(uint32_t frame) {
    frames_[frame].expected = true;
    expected_.push_back(frame);
  }
  void forget_expected() {
    for (const uint32_t frame : expected_) frames_[frame].expected = false;
    expected_.clear();
  }

  uint32_t take_frame();
  uint32_t take_frame_for_pin();
  void bring_in(uint32_t slot, uint32_t frame);
  void choose_task_size(size_t moves);
  void start_moves(TaskThreads::Order order);
  void carry_out(std::span<const Move> moves);

  SlotTable slots_;
  std::vector<int64_t> born_;  // scratch of locate()
  ReservedMemory places_;      // uint32 (slots): a Place
  ReservedMemory offsets_;     // uint32 (slots): position − positions().first
  ScratchFile file_;
  const int64_t stride_;    // bytes from one record to the next, in the file and in memory
  ReservedMemory records_;  // (frames, stride_)
  std::vector<Frame> frames_;
  uint32_t frames_used_ = 0;  // the frames from here on have never held a record
  int64_t frames_pinned_ = 0;
  int64_t hand_ = 0;                // the slot looked at last by take_frame()
  std::vector<uint32_t> expected_;  // frames
  std::vector<uint32_t> missing_;   // slots, scratch of pin() and expect()
  std::vector<Move> moves_;         // not started yet
  size_t moves_of_task_ = 1;
  TaskThreads threads_;  // last: its tasks use all of the above
};

FileStore::FileStore(const ClassPlacement& placement, Range positions, const RecordLayout& layout,
                     uint64_t seed, const FileStoreOptions& options)
    : HostCenterStore(placement, positions, layout, seed),
      slots_(positions),
      places_(positions.size() * sizeof(uint32_t), Pages::kSmall),
      offsets_(positions.size() * sizeof(uint32_t), Pages::kSmall),
      file_(options.folder),
      stride_(aligned_record_bytes(layout.bytes(), file_.alignment())),
      threads_(options.depth) {
  const int64_t frames = std::min({options.memory_bytes / stride_, positions.size(), int64_t{1} << 31});
  if (frames < 1)
    fail_usage("{} bytes of memory for the rows of the file store: one row takes {}; allow more",
               options.memory_bytes, stride_);
  records_ = ReservedMemory(frames * stride_, Pages::kHuge);
  frames_ = std::vector<Frame>(frames);
}

void FileStore::locate(std::span<const int64_t> positions, std::span<int64_t> slots, ThreadTeam&) {
  threads_.throw_error_if_any();
  born_.clear();
  slots_.locate(positions, slots, born_);
  uint32_t* offsets = offsets_.as<uint32_t>() + rows_alive() - std::ssize(born_);
  for (size_t i = 0; i < born_.size(); ++i)
    offsets[i] = static_cast<uint32_t>(born_[i] - this->positions().first);
  const int64_t bytes_alive = rows_alive() * stride_, bytes_of_all = this->positions().size() * stride_;
  if (bytes_alive > static_cast<int64_t>(file_.size()))
    file_.grow(std::min(round_up(bytes_alive, kFileGrowth), bytes_of_all));
}

void FileStore::expect(std::span<const int64_t> positions) {
  threads_.throw_error_if_any();
  forget_expected();
  missing_.clear();
  for (const int64_t position : positions) {
    const int64_t slot = slots_.find(position);
    if (slot < 0) continue;
    const uint32_t frame = frame_of(slot);
    if (frame == kNone)
      missing_.push_back(static_cast<uint32_t>(slot));
    else
      set_expected(frame);
  }
  std::sort(missing_.begin(), missing_.end());
  choose_task_size(missing_.size());
  for (const uint32_t slot : missing_) {
    if (place(slot) >= kBeingWritten) continue;  // pin() will wait for it; or a second mention
    const uint32_t frame = take_frame();
    if (frame == kNone) break;
    bring_in(slot, frame);
    set_expected(frame);
    if (moves_.size() == moves_of_task_) start_moves(TaskThreads::Order::kInTurn);
  }
  start_moves(TaskThreads::Order::kInTurn);
}

void FileStore::pin(std::span<const int64_t> slots, std::span<std::byte*> records) {
  PFC_CHECK(slots.size() == records.size());
  threads_.throw_error_if_any();
  missing_.clear();
  for (const int64_t slot : slots) {
    PFC_CHECK(slot >= 0 && slot < rows_alive());
    const uint32_t frame = frame_of(slot);
    if (frame == kNone)
      missing_.push_back(static_cast<uint32_t>(slot));
    else
      add_pin(frame);
  }
  const int64_t needed = frames_pinned_ + std::ssize(missing_);
  if (needed > std::ssize(frames_)) {
    for (const int64_t slot : slots)
      if (frame_of(slot) != kNone) drop_pin(frame_of(slot));
    fail(
        "the file store holds {} rows at a time ({} bytes of memory), {} rows ({} bytes) are in use at once; "
        "allow more memory, or activate fewer classes a step",
        frames_.size(), records_.size(), needed, needed * stride_);
  }
  choose_task_size(missing_.size());
  for (const uint32_t slot : missing_) {
    if (frame_of(slot) == kNone) bring_in(slot, take_frame_for_pin());
    add_pin(frame_of(slot));
    if (moves_.size() == moves_of_task_) start_moves(TaskThreads::Order::kUrgent);
  }
  start_moves(TaskThreads::Order::kUrgent);
  for (size_t i = 0; i < slots.size(); ++i) {
    const uint32_t frame = frame_of(slots[i]);
    if (frames_[frame].moving.load(std::memory_order_acquire))
      threads_.wait_until([&] { return !frames_[frame].moving.load(std::memory_order_acquire); });
    records[i] = record(frame);
  }
}

void FileStore::unpin(std::span<const int64_t> slots, bool changed) {
  for (const int64_t slot : slots) {
    const uint32_t frame = frame_of(slot);
    PFC_CHECK(frame != kNone && frames_[frame].pins > 0, "slot {} is not pinned", slot);
    frames_[frame].changed = frames_[frame].changed || changed;
    drop_pin(frame);
  }
  threads_.throw_error_if_any();
}

int64_t FileStore::pinnable(std::span<const int64_t> slots) const {
  int64_t free = std::ssize(frames_) - frames_pinned_, count = 0;
  for (const int64_t slot : slots) {
    const uint32_t frame = frame_of(slot);
    if ((frame == kNone || frames_[frame].pins == 0) && free-- == 0) break;
    ++count;
  }
  return count;
}

// A frame whose record may leave, or kNone.
uint32_t FileStore::take_frame() {
  if (frames_used_ < frames_.size()) return frames_used_++;
  for (int64_t looked_at = 0; looked_at < rows_alive(); ++looked_at) {
    if (++hand_ >= rows_alive()) hand_ = 0;
    const uint32_t frame = frame_of(hand_);
    if (frame == kNone) continue;
    const Frame& candidate = frames_[frame];
    if (candidate.pins == 0 && !candidate.expected && !candidate.moving.load(std::memory_order_acquire))
      return frame;
  }
  return kNone;
}

// What is pinned goes before what is expected.
uint32_t FileStore::take_frame_for_pin() {
  uint32_t frame = take_frame();
  if (frame == kNone) {
    forget_expected();
    threads_.wait_for_all();
    frame = take_frame();
  }
  PFC_CHECK(frame != kNone);
  return frame;
}

// Gives the frame to the row of `slot`, which is in none; the record follows with start_moves().
void FileStore::bring_in(uint32_t slot, uint32_t frame) {
  if (place(slot) == kBeingWritten)
    threads_.wait_until([&] { return place(slot).load(std::memory_order_acquire) != kBeingWritten; });
  Frame& holder = frames_[frame];
  Move move = {.frame = frame};
  if (holder.slot != kNone) {
    if (holder.changed) move.write = holder.slot;
    place(holder.slot) = holder.changed ? kBeingWritten : holder.in_file ? kInFile : kUnwritten;
  }
  const bool in_file = place(slot) == kInFile;
  (in_file ? move.read : move.generate) = slot;
  holder.slot = slot;
  holder.changed = false;
  holder.in_file = in_file;
  holder.moving = true;
  place(slot) = kFirstFrame + frame;
  moves_.push_back(move);
}

// Long tasks have long runs of adjacent slots; short ones keep all threads busy to the end.
void FileStore::choose_task_size(size_t moves) {
  constexpr size_t kTasksOfThread = 8;
  moves_of_task_ = std::clamp<size_t>(moves / (kTasksOfThread * threads_.size()), 1, kMostMovesOfTask);
}

void FileStore::start_moves(TaskThreads::Order order) {
  if (moves_.empty()) return;
  threads_.add(order, [this, moves = std::exchange(moves_, {})] { carry_out(moves); });
}

// On a thread of threads_.
void FileStore::carry_out(std::span<const Move> moves) {
  const FrameMemory frames = {records_.data(), stride_};
  for_each_run(moves, &Move::write, frames,
               [&](uint64_t offset, std::span<iovec> parts) { file_.write(offset, parts); });
  for (const Move& move : moves)
    if (move.write != kNone) place(move.write).store(kInFile, std::memory_order_release);
  for_each_run(moves, &Move::read, frames,
               [&](uint64_t offset, std::span<iovec> parts) { file_.read(offset, parts); });
  for (const Move& move : moves) {
    if (move.generate != kNone) {
      std::memset(record(move.frame), 0, stride_);
      initialize(positions().first + offsets_.as<uint32_t>()[move.generate], record(move.frame));
    }
    frames_[move.frame].moving.store(false, std::memory_order_release);
  }
}

}  // namespace

std::unique_ptr<HostCenterStore> make_file_store(const ClassPlacement& placement, Range positions,
                                                 const RecordLayout& layout, uint64_t seed,
                                                 const FileStoreOptions& options) {
  return std::make_unique<FileStore>(placement, positions, layout, seed, options);
}

}  // namespace partialfc
