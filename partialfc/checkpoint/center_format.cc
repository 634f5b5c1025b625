#include "partialfc/checkpoint/center_format.h"

#include <string_view>

#include "partialfc/base/error.h"

namespace partialfc {

namespace {

constexpr std::string_view kCentersPrefix = "centers-";

std::string prefix_of_rank(int rank, int world_size) {
  return fmt::format("{}{:05}-of-{:05}.", kCentersPrefix, rank, world_size);
}

}  // namespace

std::string center_file_name(int rank, int world_size, int64_t delta) {
  return prefix_of_rank(rank, world_size) +
         (delta == 0 ? "safetensors" : fmt::format("delta-{:02}.safetensors", delta));
}

std::vector<std::filesystem::path> center_files(const std::filesystem::path& folder,
                                                const Manifest& manifest) {
  std::vector<std::filesystem::path> paths;
  for (const ManifestFile& file : manifest.files)
    if (file.name.starts_with(kCentersPrefix)) paths.push_back(folder / file.name);
  return paths;
}

std::vector<ManifestFile> center_files_of_rank(const Manifest& manifest, int rank, int world_size) {
  std::vector<ManifestFile> files;
  for (const ManifestFile& file : manifest.files)
    if (file.name.starts_with(prefix_of_rank(rank, world_size))) files.push_back(file);
  return files;
}

TensorType record_type(const RecordLayout& layout) {
  return layout.precision == Precision::kFloat32 ? TensorType::kF32 : TensorType::kBF16;
}

TensorMetadata center_metadata(PartialFC& head) {
  const PartialFCOptions& options = head.options();
  const RecordLayout& layout = head.store().layout();
  return {{"num_classes", std::to_string(options.num_classes)},
          {"dim", std::to_string(options.dim)},
          {"record_size", std::to_string(layout.numbers())},
          {"precision", layout.precision == Precision::kFloat32 ? "float32" : "bfloat16"},
          {"seed", std::to_string(options.seed)},
          {"updates", std::to_string(head.updates())}};
}

CenterFileRows select_rows(PartialFC& head, ThreadTeam& team,
                           const std::function<bool(int64_t slot)>& is_wanted) {
  CenterStore& store = head.store();
  const std::vector<int64_t> living = store.living_positions(store.positions());
  std::vector<int64_t> slots(living.size());
  store.locate(living, slots, team);
  CenterFileRows rows;
  int64_t block = head.blocks().first - 1, end_of_block = 0;  // the block of the row before; none yet
  for (size_t i = 0; i < living.size(); ++i) {
    if (!is_wanted(slots[i])) continue;
    if (rows.blocks.empty() || living[i] >= end_of_block) {
      do end_of_block = head.placement().positions_of_block(++block).last;
      while (living[i] >= end_of_block);
      rows.blocks.insert(rows.blocks.end(), {block, 0});
    }
    ++rows.blocks.back();
    rows.positions.push_back(living[i]);
    rows.slots.push_back(slots[i]);
  }
  return rows;
}

SafetensorsWriter start_center_file(const std::filesystem::path& path, const CenterFileRows& rows,
                                    const ClassPlacement& placement, const RecordLayout& layout,
                                    const TensorMetadata& metadata) {
  const int64_t count = rows.size();
  SafetensorsWriter writer(
      path,
      {{.name = "blocks", .type = TensorType::kI64, .shape = {std::ssize(rows.blocks) / 2, 2}},
       {.name = "classes", .type = TensorType::kI64, .shape = {count}},
       {.name = "order", .type = TensorType::kI64, .shape = {count}},
       {.name = "records", .type = record_type(layout), .shape = {count, layout.numbers()}}},
      metadata);
  writer.append("blocks", std::as_bytes(std::span(rows.blocks)));
  for (const int64_t position : rows.positions) {
    const int64_t id = placement.class_at(position);
    writer.append("classes", bytes_of(id));
  }
  writer.append("order", std::as_bytes(std::span(rows.slots)));
  return writer;
}

}  // namespace partialfc
