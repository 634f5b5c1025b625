#include "partialfc/checkpoint/manifest.h"

#include <algorithm>
#include <set>

#include "partialfc/base/error.h"
#include "partialfc/base/file.h"
#include "partialfc/formats/checksum.h"
#include "partialfc/formats/json.h"

namespace partialfc {

namespace {

constexpr const char* kFormat = "partialfc checkpoint";
constexpr int64_t kVersion = 2;

// Names come from a file: one must not lead out of the checkpoint's folder.
bool is_plain_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name != kManifestName &&
         name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
}

void check_names(const std::vector<ManifestFile>& files, std::string_view where) {
  std::set<std::string_view> names;
  for (const ManifestFile& file : files) {
    if (!is_plain_name(file.name))
      fail("{}: \"{}\" is not the name of a file of a checkpoint", where, file.name);
    if (!names.insert(file.name).second) fail("{}: the file \"{}\" is there twice", where, file.name);
  }
}

nlohmann::json files_to_json(const std::vector<ManifestFile>& files) {
  nlohmann::json array = nlohmann::json::array();
  for (const ManifestFile& file : files)
    array.push_back({{"name", file.name}, {"bytes", file.bytes}, {"xxh3", file.xxh3}});
  return array;
}

std::vector<ManifestFile> files_from_json(const nlohmann::json& array, std::string_view where) {
  if (!array.is_array()) fail("{}: the files are of type {}, not an array", where, array.type_name());
  std::vector<ManifestFile> files;
  for (const nlohmann::json& entry : array)
    files.push_back({json_string(entry, "name", where),
                     static_cast<uint64_t>(json_count(entry, "bytes", where)),
                     json_string(entry, "xxh3", where)});
  check_names(files, where);
  return files;
}

void check_file(const std::filesystem::path& path, const ManifestFile& file) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    fail("{}: the file is missing; the manifest lists it with {} bytes", path.string(), file.bytes);
  if (const uint64_t bytes = InputFile(path).size(); bytes != file.bytes)
    fail("{}: {} bytes, the manifest says {}; it was cut short or changed", path.string(), bytes, file.bytes);
  if (const std::string xxh3 = checksum_of_file(path); xxh3 != file.xxh3)
    fail("{}: checksum {}, the manifest says {}; its contents are damaged", path.string(), xxh3, file.xxh3);
}

}  // namespace

void write_manifest(const std::filesystem::path& folder, const Manifest& manifest) {
  const std::filesystem::path path = folder / kManifestName;
  check_names(manifest.files, path.string());
  const nlohmann::ordered_json text = {{"format", kFormat},
                                       {"version", kVersion},
                                       {"step", manifest.step},
                                       {"samples", manifest.samples},
                                       {"world_size", manifest.world_size},
                                       {"seed", manifest.seed},
                                       {"recipe", manifest.recipe},
                                       {"files", files_to_json(manifest.files)}};
  write_file_atomically(path, json_text(text, 2, path.string()) + "\n");
}

Manifest read_manifest(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kManifestName;
  const std::string where = path.string();
  const nlohmann::json object = parse_json(read_text_file(path), where);
  if (const std::string format = json_string(object, "format", where); format != kFormat)
    fail("{}: the format is \"{}\", need \"{}\"", where, format, kFormat);
  if (const int64_t version = json_count(object, "version", where); version != kVersion)
    fail("{}: version {}, this program reads {}; use the program that wrote it", where, version, kVersion);
  Manifest manifest;
  manifest.step = json_count(object, "step", where);
  manifest.samples = json_count(object, "samples", where);
  manifest.world_size = json_count(object, "world_size", where);
  const nlohmann::json& seed = json_field(object, "seed", where);
  if (!seed.is_number_unsigned()) fail("{}: \"seed\" is {}, not a whole number >= 0", where, seed.dump());
  manifest.seed = seed.get<uint64_t>();
  manifest.recipe = json_field(object, "recipe", where);
  manifest.files = files_from_json(json_field(object, "files", where), where);
  return manifest;
}

void verify_files(const std::filesystem::path& folder, const Manifest& manifest) {
  for (const ManifestFile& file : manifest.files) check_file(folder / file.name, file);
}

void verify_file(const std::filesystem::path& folder, const Manifest& manifest, std::string_view name) {
  const auto file = std::ranges::find(manifest.files, name, &ManifestFile::name);
  if (file == manifest.files.end()) fail("{}: lists no file \"{}\"", (folder / kManifestName).string(), name);
  check_file(folder / file->name, *file);
}

std::string files_to_text(const std::vector<ManifestFile>& files) {
  return json_text(files_to_json(files), -1, "list of files");
}

std::vector<ManifestFile> files_from_text(std::string_view text, std::string_view where) {
  return files_from_json(parse_json(text, where), where);
}

}  // namespace partialfc
