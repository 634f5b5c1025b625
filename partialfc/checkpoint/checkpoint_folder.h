// Checkpoints as folders of a run:
//     RUN/step-00012000/   a whole checkpoint: its files and manifest.json
//     RUN/latest           text: the name of the newest
//     RUN/.step-….part     one being written, or left by a crash
//     RUN/.step-….old      one being removed, likewise
//
// All ranks write files of their own; a folder gets its name only after the manifest lists all of them and
// all are on the disk. So a folder named step-… was whole once, and what fails while one is being written
// harms no other. What a checkpoint needs of an earlier one is linked into its folder: each folder is whole by itself,
// and files that several hold take their space once.
//
//     CheckpointWriter writer(run, step);                 // every rank
//     if (rank == 0) writer.create();
//     … barrier …
//     write writer.path_of("centers-3.safetensors");      // every rank, any number of files
//     mine = writer.finish_file("centers-3.safetensors");
//     … rank 0 gathers every rank's files into manifest.files (files_to_text) …
//     if (rank == 0) writer.commit(manifest, keep);
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "partialfc/checkpoint/manifest.h"
#include "partialfc/comm/communicator.h"

namespace partialfc {

std::string checkpoint_name(int64_t step);  // "step-00012000"

// What a name in a run's folder says of checkpoints: none where it is no checkpoint's, nor of one being written or removed.
struct CheckpointName {
  int64_t step = 0;
  bool aside = false;  // .step-….part or .step-….old: left by a crash, if nobody is at it
};
std::optional<CheckpointName> parse_checkpoint_name(std::string_view name);

class CheckpointWriter {
 public:
  CheckpointWriter(std::filesystem::path run_folder, int64_t step);
  // Where this rank has created the folder and not committed it, removes it.
  ~CheckpointWriter();
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  // Rank 0, before any rank writes: makes the folder, after removing what earlier crashes left in the run.
  void create();

  // The folder's name once it is committed.
  std::filesystem::path place() const;
  // Where to write the file `name`.
  std::filesystem::path path_of(std::string_view name) const;
  // After the file has been written and closed: brings it to the disk and returns its entry for the manifest. Where its
  // writer does not know its checksum, the file is read for it.
  ManifestFile finish_file(std::string_view name, std::string checksum = {}) const;
  // Takes over `folder`/name, a finished file that stays as it is: as a hard link, or as a copy where that cannot be.
  void link_file(const std::filesystem::path& folder, std::string_view name) const;

  // Rank 0, after all ranks have finished their files: makes the folder a checkpoint and `latest`.
  // manifest.step is set here. An earlier checkpoint of the same step is replaced. Then removes others: those
  // before the last `keep` >= 1, this one included, and those of later steps, which a run that went back has
  // left behind.
  //
  // Where it throws, what was saved before is as it was, or this checkpoint is whole.
  void commit(Manifest manifest, int64_t keep);

 private:
  void move_into_place();
  void remove_others(int64_t keep) const;

  std::filesystem::path run_folder_;
  int64_t step_;
  std::filesystem::path part_;  // run_folder_/.step-….part
  bool owned_ = false;          // created here and not committed yet
};

struct Checkpoint {
  std::filesystem::path folder;
  Manifest manifest;
};

struct LatestCheckpoint {
  std::optional<Checkpoint> checkpoint;  // the whole one of the highest step; none where there is none
  std::vector<std::string> skipped;      // why checkpoints of higher steps were passed over, one message each
};

// Looks for the newest checkpoint whose manifest and files are as they were written; reads those files: all, or `file`
// alone where that is all that is needed. `latest` is for people and scripts: it is not asked. Not for a run that is
// being written to.
LatestCheckpoint latest_checkpoint(const std::filesystem::path& run_folder, std::string_view file = {});

// Collective. The same on every rank, of all files: each rank reads a share of them, so that none waits long for
// another. A checkpoint that one rank finds damaged is damaged for all.
LatestCheckpoint latest_checkpoint(const std::filesystem::path& run_folder, Communicator& comm);

// Each file is in the share of one rank; the shares are of about as many bytes.
std::vector<ManifestFile> share_of_files(std::vector<ManifestFile> files, int ranks, int rank);

}  // namespace partialfc
