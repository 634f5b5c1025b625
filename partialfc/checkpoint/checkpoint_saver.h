// Checkpoints of a run, saved while training goes on.
//
//     CheckpointSaver saver(run_folder, keep, head, comm, team);
//     saver.begin(manifest, pace);                        // the centers as they are now
//     if (rank == 0) write_weights(saver.add_file("backbone.safetensors"));
//     … training steps: each calls advance(), and commit() once is_written() on every rank …
//     saver.finish();
//
// The checkpoint becomes visible when all that it holds is on the disk on all ranks. What goes wrong in the threads that
// write is thrown by the next call; the checkpoints before are as they were. All calls come from the thread that trains.
#pragma once

#include <cstdint>
#include <filesystem>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include "partialfc/checkpoint/center_snapshot.h"
#include "partialfc/checkpoint/checkpoint_folder.h"
#include "partialfc/comm/communicator.h"

namespace partialfc {

class CheckpointSaver {
 public:
  // Keeps the last `keep` checkpoints. All but the folder's name outlive the object.
  CheckpointSaver(std::filesystem::path run_folder, int64_t keep, PartialFC& head, Communicator& comm,
                  ThreadTeam& team);

  // The head holds what has just been read from this checkpoint.
  void continue_from(const std::filesystem::path& folder, const Manifest& manifest);

  // Collective. Ends the checkpoint under way, then begins that of manifest.step.
  void begin(Manifest manifest, const SnapshotPace& pace);
  // Rank 0, before any advance(): where to write a further file of the checkpoint, closed when this returns to training.
  std::filesystem::path add_file(const std::string& name);

  // After each step: goes on with the checkpoint under way.
  void advance();
  // begun and not committed; the same on all ranks.
  bool is_under_way() const { return under_way_; }
  // Whether this rank's centers are on the disk, or nothing is under way.
  bool is_written() const { return !under_way_ || snapshot_.is_written(); }
  // Collective, where one is under way. Waits for this rank's centers; rank 0 then makes the checkpoint visible beside
  // training.
  void commit();
  // Collective. When it returns, what was begun is visible.
  void finish();

 private:
  bool is_first() const { return comm_.rank() == 0; }

  const std::filesystem::path run_folder_;
  const int64_t keep_;
  Communicator& comm_;
  std::optional<CheckpointWriter> writer_;
  CenterSnapshot snapshot_;
  Manifest manifest_;
  std::vector<std::string> further_files_;
  bool under_way_ = false;
  std::future<void> visible_;  // on rank 0, valid after commit()
};

}  // namespace partialfc
