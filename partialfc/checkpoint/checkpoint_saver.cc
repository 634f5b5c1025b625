#include "partialfc/checkpoint/checkpoint_saver.h"

#include <chrono>
#include <utility>

#include "partialfc/base/error.h"
#include "partialfc/base/trace.h"
#include "partialfc/comm/gather_texts.h"

namespace partialfc {

CheckpointSaver::CheckpointSaver(std::filesystem::path run_folder, int64_t keep, PartialFC& head,
                                 Communicator& comm, ThreadTeam& team)
    : run_folder_(std::move(run_folder)),
      keep_(keep),
      comm_(comm),
      snapshot_(head, team, comm.rank(), comm.size()) {}

void CheckpointSaver::continue_from(const std::filesystem::path& folder, const Manifest& manifest) {
  snapshot_.continue_from(folder, manifest);
}

void CheckpointSaver::begin(Manifest manifest, const SnapshotPace& pace) {
  finish();
  manifest_ = std::move(manifest);
  manifest_.world_size = comm_.size();
  further_files_.clear();
  writer_.emplace(run_folder_, manifest_.step);
  if (is_first()) writer_->create();
  comm_.barrier().wait();
  snapshot_.begin(*writer_, pace);
  under_way_ = true;
}

std::filesystem::path CheckpointSaver::add_file(const std::string& name) {
  PFC_CHECK(is_first() && under_way_);
  further_files_.push_back(name);
  return writer_->path_of(name);
}

void CheckpointSaver::advance() {
  if (under_way_) {
    const TraceSpan span("checkpoint.copy");
    snapshot_.advance();
  }
  if (visible_.valid() && visible_.wait_for(std::chrono::seconds(0)) == std::future_status::ready)
    visible_.get();
}

void CheckpointSaver::commit() {
  const TraceSpan span("checkpoint.commit");
  PFC_CHECK(under_way_);
  manifest_.files.clear();
  for (const std::string& text : gather_texts(comm_, files_to_text(snapshot_.finish())))
    for (ManifestFile& file : files_from_text(text, "the files of a rank"))
      manifest_.files.push_back(std::move(file));
  under_way_ = false;
  if (!is_first()) return;
  visible_ = std::async(std::launch::async, [this] {
    for (const std::string& name : further_files_) manifest_.files.push_back(writer_->finish_file(name));
    writer_->commit(manifest_, keep_);
  });
}

void CheckpointSaver::finish() {
  if (under_way_) commit();
  if (visible_.valid()) visible_.get();
  comm_.barrier().wait();
}

}  // namespace partialfc
