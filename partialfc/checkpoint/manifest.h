// manifest.json, the file that makes a folder a checkpoint: what it holds and what state of the run it is.
//     {"format": "partialfc checkpoint", "version": 2, "step": 12000, "samples": 6144000,
//      "world_size": 8, "seed": 1, "recipe": {…},
//      "files": [{"name": "backbone.safetensors", "bytes": 260123456, "xxh3": "78af5f94892f3950"}, …]}
// The files of the class centers are listed in the order in which they are to be read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace partialfc {

inline constexpr const char* kManifestName = "manifest.json";

struct ManifestFile {
  std::string name;  // in the checkpoint's folder itself: no slashes
  uint64_t bytes = 0;
  std::string xxh3;  // see checksum.h

  bool operator==(const ManifestFile&) const = default;
};

struct Manifest {
  int64_t step = 0;
  int64_t samples = 0;     // seen by the run so far: the position in the data, whatever the number of ranks
  int64_t world_size = 1;  // ranks that wrote it
  uint64_t seed = 0;
  nlohmann::json recipe = nlohmann::json::object();  // the resolved recipe
  std::vector<ManifestFile> files;

  bool operator==(const Manifest&) const = default;
};

// Writes `folder`/manifest.json atomically, and on the disk when it returns.
void write_manifest(const std::filesystem::path& folder, const Manifest& manifest);

// Error where it is missing, damaged, or of a version that this program does not know.
Manifest read_manifest(const std::filesystem::path& folder);

// Error that names the first of the manifest's files that is missing, of another size or of other contents.
// Reads all.
void verify_files(const std::filesystem::path& folder, const Manifest& manifest);
// The same for the file `name` alone; Error where the manifest does not list it.
void verify_file(const std::filesystem::path& folder, const Manifest& manifest, std::string_view name);

// The list of files alone, as in manifest.json: for ranks to hand to the one that writes the manifest.
// `where` is the text's origin, for messages.
std::string files_to_text(const std::vector<ManifestFile>& files);
std::vector<ManifestFile> files_from_text(std::string_view text, std::string_view where);

}  // namespace partialfc
