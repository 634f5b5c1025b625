// Saves the class centers of a rank while training goes on.
//
// begin() fixes what is saved: the rows as they are at that moment. A thread writes the file; advance() hands it the
// next piece of rows, a step at a time. Rows that a step is about to change before their piece has come are copied
// aside (before_change), at most once each: memory is bounded by the rows that change while a snapshot is under way.
//
// The same observer marks what changes. A snapshot after another is a delta of the marked rows, behind the files of the
// one before, to which the new checkpoint's folder gets hard links (copies where the file system has none). It is a new
// base where there is nothing to build on, where the deltas would together be as large as a base, and after kMostDeltas.
//
//     CenterSnapshot snapshot(head, team, rank, world_size);
//     snapshot.begin(checkpoint, pace);
//     … training steps, each with snapshot.advance() …
//     files = snapshot.finish();
//
// All calls come from the thread that trains, between the head's calls; it alone touches the store. After an Error the
// object is of no more use.
#pragma once

#include <cstdint>
#include <filesystem>
#include <future>
#include <memory>
#include <vector>

#include "partialfc/base/reserved_memory.h"
#include "partialfc/checkpoint/center_format.h"
#include "partialfc/checkpoint/checkpoint_folder.h"
#include "partialfc/checkpoint/piece_queue.h"
#include "partialfc/head/partial_fc.h"

namespace partialfc {

// How fast the copying goes on: a call of advance() copies 1/steps of the rows, and at least least_bytes.
struct SnapshotPace {
  int64_t steps = 1;
  int64_t least_bytes = 8 << 20;
};

class CenterSnapshot final : public RowObserver {
 public:
  static constexpr int64_t kMostDeltas = 50;

  // Observes the head's rows from here on. All outlive the object.
  CenterSnapshot(PartialFC& head, ThreadTeam& team, int rank, int world_size);
  ~CenterSnapshot() override;  // gives up what is under way

  // The head holds what has just been read from this checkpoint: the next delta builds on it.
  void continue_from(const std::filesystem::path& folder, const Manifest& manifest);

  // Begins a snapshot of the rows as they are now, into the checkpoint's folder; `checkpoint` outlives it. None may be
  // under way.
  void begin(const CheckpointWriter& checkpoint, const SnapshotPace& pace);
  // Copies the next piece of rows; nothing where the thread that writes is behind.
  void advance();
  // Whether all files of the snapshot under way are on the disk. Throws what went wrong in writing.
  bool is_written() const;
  // Copies what is left, waits, and returns the files of this rank's centers: base, deltas.
  std::vector<ManifestFile> finish();

  void before_change(std::span<const int64_t> slots) override;

 private:
  // Rows copied before they changed, by slot.
  struct Aside {
    explicit Aside(int64_t slots) : records(slots * sizeof(std::byte*), ReservedMemory::Pages::kSmall) {}
    std::byte*& operator[](int64_t slot) const { return records.as<std::byte*>()[slot]; }

    ReservedMemory records;  // address (slots): null where the store has the row
    std::vector<ReservedMemory> memory;
  };

  bool needs_base(int64_t changed_rows) const;
  bool is_copying() const { return next_row_ < rows_.size(); }
  void copy_piece();
  void copy_rows(std::span<const int64_t> slots, std::span<std::byte> to);
  std::vector<ManifestFile> write_files(const CheckpointWriter& checkpoint, const TensorMetadata& metadata);

  PartialFC& head_;
  ThreadTeam& team_;
  const int rank_, world_size_;

  std::filesystem::path folder_;     // of the snapshot before
  std::vector<ManifestFile> files_;  // of the snapshot before: what a delta builds on
  std::vector<bool> changed_;        // by slot; slots beyond came to be since the snapshot before

  // Of the snapshot under way.
  std::filesystem::path place_;         // of its checkpoint
  std::string name_;                    // of the file that is written
  std::vector<ManifestFile> built_on_;  // files that are linked
  CenterFileRows rows_;                 // of the file
  int64_t next_row_ = 0, piece_rows_ = 1;
  std::vector<bool> due_;  // by slot: of rows_, and to be handed over
  std::unique_ptr<Aside> aside_;
  std::unique_ptr<PieceQueue> pieces_;
  std::shared_future<std::vector<ManifestFile>> written_;  // valid: a snapshot is under way
};

}  // namespace partialfc
