// What writers and readers of center files share: names, tensors, metadata. center_files.h has the format.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "partialfc/checkpoint/manifest.h"
#include "partialfc/formats/safetensors.h"
#include "partialfc/head/partial_fc.h"

namespace partialfc {

// "centers-00001-of-00002.safetensors" for the base, "centers-00001-of-00002.delta-03.safetensors" for delta 3.
std::string center_file_name(int rank, int world_size, int64_t delta = 0);

// The files of centers among a checkpoint's files, as the manifest orders them: each rank's base, then its deltas.
std::vector<std::filesystem::path> center_files(const std::filesystem::path& folder,
                                                const Manifest& manifest);
// Those of one rank of `world_size`; none where another number of ranks wrote them.
std::vector<ManifestFile> center_files_of_rank(const Manifest& manifest, int rank, int world_size);

TensorType record_type(const RecordLayout& layout);
TensorMetadata center_metadata(PartialFC& head);

// The rows of a file to be, in its order.
struct CenterFileRows {
  std::vector<int64_t> blocks;            // (k, 2)
  std::vector<int64_t> positions, slots;  // (n)

  int64_t size() const { return std::ssize(slots); }
};

// The living rows of this rank whose slot is wanted.
CenterFileRows select_rows(PartialFC& head, ThreadTeam& team,
                           const std::function<bool(int64_t slot)>& is_wanted);

// A file that has all but its records, which are due next. Touches no store: for any thread.
SafetensorsWriter start_center_file(const std::filesystem::path& path, const CenterFileRows& rows,
                                    const ClassPlacement& placement, const RecordLayout& layout,
                                    const TensorMetadata& metadata);

}  // namespace partialfc
