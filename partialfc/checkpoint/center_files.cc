#include "partialfc/checkpoint/center_files.h"

#include <algorithm>

#include "partialfc/base/error.h"
#include "partialfc/checkpoint/center_format.h"

namespace partialfc {

namespace {

constexpr int64_t kPieceBytes = 4 << 20;  // of records that are in memory at once

// visit(first, count) for rows 0 … rows − 1, a piece at a time.
void for_each_piece(int64_t rows, const RecordLayout& layout, auto&& visit) {
  const int64_t piece = std::max<int64_t>(1, kPieceBytes / layout.bytes());
  for (int64_t first = 0; first < rows; first += piece) visit(first, std::min(piece, rows - first));
}

const std::string& metadata_of(const SafetensorsFile& file, const std::string& key) {
  const auto found = file.metadata().find(key);
  if (found == file.metadata().end())
    fail("{}: metadata '{}' is missing: not a file of class centers", file.path().string(), key);
  return found->second;
}

void check_same_head(const SafetensorsFile& file, PartialFC& head) {
  for (const auto& [key, expected] : center_metadata(head)) {
    if (key == "updates") continue;
    const std::string& found = metadata_of(file, key);
    if (found != expected)
      fail("{}: centers saved with {} = {}, this run has {}", file.path().string(), key, found, expected);
  }
}

// `count` elements of the tensor, from element `first` on.
std::vector<int64_t> read_integers(const SafetensorsFile& file, std::string_view name, Range elements) {
  std::vector<int64_t> values(elements.size());
  file.read(file.at(name), elements.first * sizeof(int64_t), std::as_writable_bytes(std::span(values)));
  return values;
}

// Refuses a tensor that is not of this type and shape.
void check_tensor(const SafetensorsFile& file, std::string_view name, TensorType type,
                  const std::vector<int64_t>& shape) {
  const TensorInfo& tensor = file.at(name);
  if (tensor.type != type || tensor.shape != shape)
    fail("{}: tensor \"{}\" is {} ({}), need {} ({})", file.path().string(), name, name_of(tensor.type),
         fmt::join(tensor.shape, ", "), name_of(type), fmt::join(shape, ", "));
}

// The rows of one file that belong to this rank.
class OwnRows {
 public:
  OwnRows(const SafetensorsFile& file, PartialFC& head) : file_(file) {
    const auto blocks = file.read<int64_t>("blocks");
    int64_t rows = 0;
    for (size_t i = 0; i + 1 < blocks.size(); i += 2) {
      if ((i > 0 && blocks[i] <= blocks[i - 2]) || blocks[i + 1] < 0)
        fail("{}: block {} of {} rows, after block {}: blocks have to rise", file.path().string(), blocks[i],
             blocks[i + 1], i > 0 ? blocks[i - 2] : -1);
      if (blocks[i] < head.blocks().first) rows_.first += blocks[i + 1];
      if (blocks[i] < head.blocks().last) rows_.last += blocks[i + 1];
      rows += blocks[i + 1];
    }
    check_tensor(file, "classes", TensorType::kI64, {rows});
    check_tensor(file, "order", TensorType::kI64, {rows});
    check_tensor(file, "records", record_type(head.store().layout()),
                 {rows, head.store().layout().numbers()});
    for (const int64_t id : read_integers(file, "classes", rows_)) {
      if (id < 0 || id >= head.options().num_classes)
        fail("{}: class {} of {} classes", file.path().string(), id, head.options().num_classes);
      const int64_t position = head.placement().position_of(id);
      if (position < head.store().positions().first || position >= head.store().positions().last)
        fail("{}: class {} stands at position {}, outside the blocks that it is listed under",
             file.path().string(), id, position);
      positions_.push_back(position);
    }
  }

  const std::vector<int64_t>& positions() const { return positions_; }
  std::vector<int64_t> order() const { return read_integers(file_, "order", rows_); }

  // The records of these rows take the values in the file.
  void restore(CenterStore& store, ThreadTeam& team) const {
    const int64_t record_bytes = store.layout().bytes();
    std::vector<std::byte> bytes;
    std::vector<int64_t> slots;
    for_each_piece(std::ssize(positions_), store.layout(), [&](int64_t first, int64_t count) {
      bytes.resize(count * record_bytes);
      file_.read(file_.at("records"), (rows_.first + first) * record_bytes, bytes);
      slots.resize(count);
      store.locate(std::span(positions_).subspan(first, count), slots, team);
      store.write_records(slots, bytes, team);
    });
  }

 private:
  const SafetensorsFile& file_;
  Range rows_;  // in the file
  std::vector<int64_t> positions_;
};

// Brings the rows of all files to life, in the order in which they came to life before: a file's after those of the files
// before, in which rows may have had slots of another kind of store.
void revive_rows(std::span<const OwnRows> files, PartialFC& head, ThreadTeam& team) {
  const Range own = head.store().positions();
  std::vector<bool> seen(own.size());
  std::vector<int64_t> positions;
  for (const OwnRows& file : files) {
    const std::vector<int64_t> order = file.order();
    std::vector<std::pair<int64_t, int64_t>> rows;  // (order, position), of those in no file before
    for (size_t i = 0; i < order.size(); ++i) {
      const int64_t position = file.positions()[i];
      if (!seen[position - own.first]) rows.emplace_back(order[i], position);
      seen[position - own.first] = true;
    }
    std::ranges::sort(rows);
    for (const auto& row : rows) positions.push_back(row.second);
  }
  std::vector<int64_t> slots(positions.size());
  head.store().locate(positions, slots, team);
}

}  // namespace

void write_centers(const std::filesystem::path& path, PartialFC& head, ThreadTeam& team) {
  const RecordLayout& layout = head.store().layout();
  const CenterFileRows rows = select_rows(head, team, [](int64_t) { return true; });
  SafetensorsWriter writer = start_center_file(path, rows, head.placement(), layout, center_metadata(head));
  std::vector<std::byte> bytes;
  for_each_piece(rows.size(), layout, [&](int64_t first, int64_t count) {
    bytes.resize(count * layout.bytes());
    head.store().read_records(std::span(rows.slots).subspan(first, count), bytes, team);
    writer.append("records", bytes);
  });
  writer.close();
}

void read_centers(std::span<const std::filesystem::path> paths, PartialFC& head, ThreadTeam& team) {
  PFC_CHECK(head.store().rows_alive() == 0 && !paths.empty());
  std::vector<SafetensorsFile> files;
  files.reserve(paths.size());
  std::vector<OwnRows> rows;
  for (const auto& path : paths) {
    check_same_head(files.emplace_back(path), head);
    rows.emplace_back(files.back(), head);
    head.set_updates(std::stoll(metadata_of(files.back(), "updates")));
  }
  revive_rows(rows, head, team);
  for (const OwnRows& file : rows) file.restore(head.store(), team);
}

}  // namespace partialfc
