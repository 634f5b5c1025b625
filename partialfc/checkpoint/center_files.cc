#include "partialfc/checkpoint/center_files.h"

#include <algorithm>
#include <vector>

#include "partialfc/base/error.h"
#include "partialfc/formats/safetensors.h"

namespace partialfc {

namespace {

std::string tensor_name(int64_t block, const char* part) {
  return fmt::format("block.{:04}.{}", block, part);
}

TensorMetadata describe(const PartialFC& head) {
  const PartialFCOptions& options = head.options();
  return {{"num_classes", std::to_string(options.num_classes)},
          {"dim", std::to_string(options.dim)},
          {"record_size", std::to_string((1 + options.optimizer.states()) * options.dim)},
          {"seed", std::to_string(options.seed)},
          {"updates", std::to_string(head.updates())}};
}

const std::string& metadata_of(const SafetensorsFile& file, const std::string& key) {
  const auto found = file.metadata().find(key);
  if (found == file.metadata().end())
    fail("{}: metadata '{}' is missing: not a file of class centers", file.path().string(), key);
  return found->second;
}

void check_same_head(const SafetensorsFile& file, const PartialFC& head) {
  for (const auto& [key, expected] : describe(head)) {
    if (key == "updates") continue;
    const std::string& found = metadata_of(file, key);
    if (found != expected)
      fail("{}: centers saved with {} = {}, this run has {}", file.path().string(), key, found, expected);
  }
}

// A row to restore, and where it stands.
struct SavedRow {
  int64_t order, position;
};

std::vector<int64_t> positions_of(const std::vector<int64_t>& classes, const PartialFC& head,
                                  const SafetensorsFile& file) {
  std::vector<int64_t> positions;
  for (const int64_t id : classes) {
    if (id < 0 || id >= head.options().num_classes)
      fail("{}: class {} of {} classes", file.path().string(), id, head.options().num_classes);
    positions.push_back(head.placement().position_of(id));
  }
  return positions;
}

// Brings the rows of this rank to life, in the order in which they came to life before.
void revive_rows(std::span<const SafetensorsFile> files, PartialFC& head, ThreadTeam& team) {
  std::vector<SavedRow> rows;
  for (const SafetensorsFile& file : files)
    for (int64_t block = head.blocks().first; block < head.blocks().last; ++block) {
      if (file.find(tensor_name(block, "classes")) == nullptr) continue;
      const auto positions = positions_of(file.read<int64_t>(tensor_name(block, "classes")), head, file);
      const auto order = file.read<int64_t>(tensor_name(block, "order"));
      if (order.size() != positions.size())
        fail("{}: block {}: {} classes, {} places in the order", file.path().string(), block,
             positions.size(), order.size());
      for (size_t i = 0; i < positions.size(); ++i) rows.push_back({order[i], positions[i]});
    }
  std::sort(rows.begin(), rows.end(), [](const SavedRow& a, const SavedRow& b) {
    return std::pair(a.order, a.position) < std::pair(b.order, b.position);
  });
  std::vector<int64_t> positions, slots(rows.size());
  for (const SavedRow& row : rows) positions.push_back(row.position);
  head.store().locate(positions, slots, team);
}

void restore_block(const SafetensorsFile& file, int64_t block, PartialFC& head, ThreadTeam& team) {
  if (file.find(tensor_name(block, "classes")) == nullptr) return;
  const auto positions = positions_of(file.read<int64_t>(tensor_name(block, "classes")), head, file);
  std::vector<float> records = file.read<float>(tensor_name(block, "records"));
  const int64_t rows = std::ssize(positions), record_size = head.store().layout().numbers();
  if (std::ssize(records) != rows * record_size)
    fail("{}: block {}: {} numbers for {} rows of {}", file.path().string(), block, records.size(), rows,
         record_size);
  std::vector<int64_t> slots(rows);
  head.store().locate(positions, slots, team);
  head.store().write(slots, {records.data(), rows, record_size});
}

}  // namespace

std::string center_file_name(int rank, int world_size) {
  return fmt::format("centers-{:05}-of-{:05}.safetensors", rank, world_size);
}

void write_centers(const std::filesystem::path& path, PartialFC& head, ThreadTeam& team) {
  CenterStore& store = head.store();
  const int64_t record_size = store.layout().numbers();
  struct Block {
    std::vector<int64_t> positions, slots;
  };
  std::vector<Block> blocks(head.blocks().size());
  std::vector<TensorInfo> tensors;
  for (int64_t i = 0; i < head.blocks().size(); ++i) {
    const int64_t block = head.blocks().first + i;
    blocks[i].positions = store.living_positions(head.placement().positions_of_block(block));
    const int64_t rows = std::ssize(blocks[i].positions);
    if (rows == 0) continue;
    blocks[i].slots.resize(rows);
    store.locate(blocks[i].positions, blocks[i].slots, team);
    tensors.push_back({.name = tensor_name(block, "classes"), .type = TensorType::kI64, .shape = {rows}});
    tensors.push_back({.name = tensor_name(block, "order"), .type = TensorType::kI64, .shape = {rows}});
    tensors.push_back(
        {.name = tensor_name(block, "records"), .type = TensorType::kF32, .shape = {rows, record_size}});
  }
  SafetensorsWriter writer(path, tensors, describe(head));
  Matrix<float> records;
  for (const TensorInfo& tensor : writer.tensors()) {
    const int64_t number = std::stoll(tensor.name.substr(6)) - head.blocks().first;
    const Block& block = blocks[number];
    if (tensor.name.ends_with(".order")) {
      writer.append(tensor.name, std::as_bytes(std::span(block.slots)));
    } else if (tensor.name.ends_with(".classes")) {
      std::vector<int64_t> classes;
      for (const int64_t position : block.positions) classes.push_back(head.placement().class_at(position));
      writer.append(tensor.name, std::as_bytes(std::span(classes)));
    } else {
      records.resize(std::ssize(block.slots), record_size);
      store.read(block.slots, records.view());
      writer.append(tensor.name, std::as_bytes(std::span(records.data(), records.size())));
    }
  }
  writer.close();
}

void read_centers(std::span<const std::filesystem::path> paths, PartialFC& head, ThreadTeam& team) {
  PFC_CHECK(head.store().rows_alive() == 0 && !paths.empty());
  std::vector<SafetensorsFile> files;
  for (const auto& path : paths) {
    check_same_head(files.emplace_back(path), head);
    head.set_updates(std::stoll(metadata_of(files.back(), "updates")));
  }
  revive_rows(files, head, team);
  for (const SafetensorsFile& file : files)
    for (int64_t block = head.blocks().first; block < head.blocks().last; ++block)
      restore_block(file, block, head, team);
}

}  // namespace partialfc
