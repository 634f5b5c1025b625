#include "partialfc/checkpoint/checkpoint_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <functional>
#include <utility>

#include "partialfc/base/error.h"
#include "partialfc/base/file.h"
#include "partialfc/comm/gather_texts.h"
#include "partialfc/formats/checksum.h"

namespace partialfc {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kStepPrefix = "step-";

fs::path aside(const fs::path& run_folder, int64_t step, const char* suffix) {
  return run_folder / fmt::format(".{}{}", checkpoint_name(step), suffix);
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code code;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end; entry.increment(code))
    names.push_back(entry->path().filename().string());
  if (code) fail("{}: cannot list the folder: {}", folder.string(), code.message());
  return names;
}

// Steps of the checkpoints in a run, whole or not, highest first.
std::vector<int64_t> steps_in(const fs::path& run_folder) {
  std::vector<int64_t> steps;
  for (const std::string& name : names_in(run_folder))
    if (const auto named = parse_checkpoint_name(name); named && !named->aside) steps.push_back(named->step);
  std::ranges::sort(steps, std::greater());
  return steps;
}

void rename_folder(const fs::path& from, const fs::path& to) {
  std::error_code code;
  fs::rename(from, to, code);
  if (code) fail("{}: cannot rename to {}: {}", from.string(), to.string(), code.message());
}

void remove_folder(const fs::path& folder) {
  std::error_code code;
  fs::remove_all(folder, code);
  if (code) fail("{}: cannot remove: {}", folder.string(), code.message());
}

void remove_leftovers(const fs::path& run_folder) {
  for (const std::string& name : names_in(run_folder))
    if (const auto named = parse_checkpoint_name(name); named && named->aside)
      remove_folder(run_folder / name);
}

void sync_file(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = descriptor >= 0 && ::fsync(descriptor) == 0;
  const int code = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (!synced) fail("{}: cannot sync: {}", path.string(), errno_text(code));
}

// Why the checkpoint is not whole, as `verify` throws it; "" where it is. Reads its manifest.
std::string damage_of(Checkpoint& checkpoint, const std::function<void(const Manifest&)>& verify) {
  try {
    checkpoint.manifest = read_manifest(checkpoint.folder);
    verify(checkpoint.manifest);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// The first of the steps' checkpoints for which damage_of() is "".
LatestCheckpoint find_whole(const fs::path& run_folder, const std::vector<int64_t>& steps,
                            const std::function<std::string(Checkpoint&)>& damage_of) {
  LatestCheckpoint latest;
  for (const int64_t step : steps) {
    Checkpoint checkpoint{.folder = run_folder / checkpoint_name(step)};
    if (std::string damage = damage_of(checkpoint); !damage.empty()) {
      latest.skipped.push_back(std::move(damage));
      continue;
    }
    latest.checkpoint = std::move(checkpoint);
    break;
  }
  return latest;
}

// steps_in() as rank 0 sees the folder.
std::vector<int64_t> steps_of_first_rank(const fs::path& run_folder, Communicator& comm) {
  std::vector<int64_t> steps;
  if (comm.rank() == 0) steps = steps_in(run_folder);
  std::array<int64_t, 1> count = {std::ssize(steps)};
  comm.broadcast(std::span<int64_t>(count), 0).wait();
  steps.resize(count[0]);
  comm.broadcast(std::span<int64_t>(steps), 0).wait();
  return steps;
}

}  // namespace

std::string checkpoint_name(int64_t step) { return fmt::format("{}{:08}", kStepPrefix, step); }

std::optional<CheckpointName> parse_checkpoint_name(std::string_view name) {
  CheckpointName parsed{.aside =
                            name.starts_with('.') && (name.ends_with(".part") || name.ends_with(".old"))};
  if (parsed.aside) name = name.substr(1, name.rfind('.') - 1);
  if (!name.starts_with(kStepPrefix)) return {};
  const auto [end, error] =
      std::from_chars(name.data() + kStepPrefix.size(), name.data() + name.size(), parsed.step);
  if (error != std::errc() || parsed.step < 0 || name != checkpoint_name(parsed.step)) return {};
  return parsed;
}

CheckpointWriter::CheckpointWriter(fs::path run_folder, int64_t step)
    : run_folder_(std::move(run_folder)), step_(step), part_(aside(run_folder_, step, ".part")) {
  PFC_CHECK(step >= 0, "step {}", step);
}

CheckpointWriter::~CheckpointWriter() {
  std::error_code ignored;  // what stays is removed by the next create()
  if (owned_) fs::remove_all(part_, ignored);
}

void CheckpointWriter::create() {
  create_folders(run_folder_);
  remove_leftovers(run_folder_);
  create_folders(part_);
  owned_ = true;
}

fs::path CheckpointWriter::place() const { return run_folder_ / checkpoint_name(step_); }

fs::path CheckpointWriter::path_of(std::string_view name) const { return part_ / name; }

ManifestFile CheckpointWriter::finish_file(std::string_view name, std::string checksum) const {
  const fs::path path = path_of(name);
  sync_file(path);
  if (checksum.empty()) checksum = checksum_of_file(path);
  return {std::string(name), InputFile(path).size(), std::move(checksum)};
}

void CheckpointWriter::link_file(const fs::path& folder, std::string_view name) const {
  const fs::path from = folder / name, to = path_of(name);
  std::error_code code;
  fs::create_hard_link(from, to, code);
  if (!code) return;
  fs::copy_file(from, to, code);
  if (code) fail("{}: cannot link or copy to {}: {}", from.string(), to.string(), code.message());
  sync_file(to);
}

void CheckpointWriter::commit(Manifest manifest, int64_t keep) {
  PFC_CHECK(owned_, "commit without create");
  PFC_CHECK(keep >= 1, "keep {}", keep);
  manifest.step = step_;
  for (const ManifestFile& file : manifest.files)
    if (const uint64_t bytes = InputFile(part_ / file.name).size(); bytes != file.bytes)
      fail("{}: {} bytes here, {} where it was written; is the run's folder shared by all hosts?",
           (part_ / file.name).string(), bytes, file.bytes);
  write_manifest(part_, manifest);
  sync_folder(part_);
  move_into_place();
  write_file_atomically(run_folder_ / "latest", checkpoint_name(step_) + "\n");
  remove_others(keep);
}

void CheckpointWriter::move_into_place() {
  const fs::path old = aside(run_folder_, step_, ".old");
  std::error_code ignored;  // what cannot be looked at cannot be renamed to either, which says why
  const bool replaces = fs::exists(place(), ignored);
  if (replaces) rename_folder(place(), old);
  try {
    rename_folder(part_, place());
  } catch (...) {
    if (replaces) rename_folder(old, place());
    throw;
  }
  owned_ = false;
  sync_folder(run_folder_);
  if (replaces) remove_folder(old);
}

void CheckpointWriter::remove_others(int64_t keep) const {
  int64_t kept = 0;
  for (const int64_t step : steps_in(run_folder_)) {  // highest first
    if (step <= step_ && kept++ < keep) continue;
    // Renamed first: a removal that is cut short must not leave half a checkpoint under a checkpoint's name.
    const fs::path old = aside(run_folder_, step, ".old");
    rename_folder(run_folder_ / checkpoint_name(step), old);
    remove_folder(old);
  }
}

LatestCheckpoint latest_checkpoint(const fs::path& run_folder, std::string_view file) {
  return find_whole(run_folder, steps_in(run_folder), [&](Checkpoint& checkpoint) {
    return damage_of(checkpoint, [&](const Manifest& manifest) {
      if (file.empty())
        verify_files(checkpoint.folder, manifest);
      else
        verify_file(checkpoint.folder, manifest, file);
    });
  });
}

LatestCheckpoint latest_checkpoint(const fs::path& run_folder, Communicator& comm) {
  return find_whole(run_folder, steps_of_first_rank(run_folder, comm), [&](Checkpoint& checkpoint) {
    const std::string mine = damage_of(checkpoint, [&](Manifest manifest) {
      manifest.files = share_of_files(std::move(manifest.files), comm.size(), comm.rank());
      verify_files(checkpoint.folder, manifest);
    });
    for (std::string& damage : gather_texts(comm, mine))
      if (!damage.empty()) return std::move(damage);
    return std::string();
  });
}

// The largest file first, each to the rank that has the fewest bytes so far.
std::vector<ManifestFile> share_of_files(std::vector<ManifestFile> files, int ranks, int rank) {
  std::ranges::stable_sort(files, std::greater(), &ManifestFile::bytes);
  std::vector<uint64_t> bytes(ranks);
  std::vector<ManifestFile> share;
  for (ManifestFile& file : files) {
    const auto least = std::ranges::min_element(bytes);
    *least += file.bytes;
    if (least - bytes.begin() == rank) share.push_back(std::move(file));
  }
  return share;
}

}  // namespace partialfc
