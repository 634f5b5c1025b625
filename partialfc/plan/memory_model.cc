#include "partialfc/plan/memory_model.h"

#include <algorithm>
#include <cmath>
#include <ranges>

#include "partialfc/base/error.h"
#include "partialfc/checkpoint/center_snapshot.h"
#include "partialfc/checkpoint/piece_queue.h"
#include "partialfc/head/tile_arithmetic.h"
#include "partialfc/head/visits.h"
#include "partialfc/models/activation_memory.h"

namespace partialfc {

namespace {

// A step's vectors over the active classes in PartialFC::Step and beside it: the sampler's positions, slots, positions
// (8 bytes each), addresses, sort keys twice, inverse norms (4).
constexpr int64_t kBytesOfActiveClass = 6 * 8 + 4;

int64_t kept_values(const TrainingShape& shape) {
  const int64_t tile = TileArithmetic::kClasses * kept_row_bytes(shape.head_precision, shape.global_batch);
  const int64_t tiles = (shape.rank_active() + TileArithmetic::kClasses - 1) / TileArithmetic::kClasses;
  return (std::min(tiles, shape.kept_bytes / tile) + shape.threads) * tile;
}

// Unit features and weighted features, each as a matrix and as operand; the gathered message, or the gradients of all
// rows; and the room in which MPI leaves what the others have sent.
int64_t features(const TrainingShape& shape) {
  const int64_t dim = shape.dim(), samples = shape.global_batch, padded = shape.rank_batch() * shape.ranks;
  const int64_t operand = shape.head_precision == Precision::kFloat32 ? kFloat : int64_t{sizeof(BFloat16)};
  const int64_t matrices =
      2 * samples * dim * kFloat + operand * (dim * padded_stride(samples) + samples * padded_stride(dim));
  const int64_t messages =
      padded * message_width(dim) * kFloat + (shape.ranks > 1 ? padded * dim * kFloat : 0);
  return matrices + messages;
}

// Pieces of the file that wait, one that is made and one that is written; slots, positions and addresses of the rows.
// Where training goes on meanwhile: rows that change before their piece, one after each of K steps, has been copied: in
// step k with probability ρ(1 − ρ)^(k−1) · (1 − (k − 1)/K), ρ the share of active rows.
int64_t saving(const TrainingShape& shape) {
  const int64_t row = shape.record().bytes(), rows = shape.rank_classes();
  int64_t piece_rows = std::max(int64_t{1}, SnapshotPace{}.least_bytes / row);
  if (shape.save_steps > 0)
    piece_rows = std::max(piece_rows, (rows + shape.save_steps - 1) / shape.save_steps);
  constexpr auto kPieces = static_cast<int64_t>(PieceQueue::kMostPieces) + 2;
  const int64_t pieces = std::min(rows, kPieces * piece_rows) * row,
                lists = 3 * int64_t{sizeof(int64_t)} * rows;
  if (shape.save_steps == 0) return pieces + lists;
  const double steps = std::ceil(static_cast<double>(rows) / static_cast<double>(piece_rows));
  const double rate = static_cast<double>(shape.rank_active()) / static_cast<double>(rows);
  double share = 0, unchanged = 1;
  for (double k = 1; k <= steps && unchanged > 1e-6; ++k, unchanged *= 1 - rate)
    share += rate * unchanged * (1 - (k - 1) / steps);
  return static_cast<int64_t>(share * static_cast<double>(rows)) * row + pieces + lists;
}

}  // namespace

std::vector<MemoryItem> head_memory(const TrainingShape& shape) {
  const int64_t rows = shape.rank_classes(), dim = shape.dim();
  int64_t centers = rows * dim * size_of(shape.head_precision), states = centers * shape.optimizer.states();
  // In a file: beside a position's slot its slot's place and, in the file, its record's offset.
  const int64_t numbers = shape.store_bytes > 0 ? 3 : 1;
  if (shape.store_bytes > 0) {
    const int64_t kept = std::min(shape.store_bytes, rows * shape.stored_record_bytes());
    centers = kept / (1 + shape.optimizer.states());
    states = kept - centers;
  }
  const int64_t sums = shape.threads * padded_to_tile(shape.global_batch) * padded_stride(dim) * kFloat;
  return {{"centers", centers},
          {"optimizer_state", states},
          {"slot_table", numbers * rows * int64_t{sizeof(uint32_t)}},
          {"class_lists", shape.rank_active() * kBytesOfActiveClass},
          {"kept_values", kept_values(shape)},
          {"partial_sums", sums},
          {"features", features(shape)}};
}

std::vector<MemoryItem> training_memory(const TrainingShape& shape, const Machine& machine) {
  std::vector<MemoryItem> items = head_memory(shape);
  if (shape.head_on_gpu)
    std::erase_if(items, [&](const MemoryItem& item) {
      const bool of_rows = item.name == "centers" || item.name == "optimizer_state";
      return !of_rows || shape.frame_bytes == 0;
    });
  items.push_back({"saving", saving(shape)});
  const ActivationMemory activations =
      activation_memory(shape.backbone, shape.micro_batch(), shape.backbone_precision);
  const int64_t pixels = shape.rank_batch() * shape.backbone.input().elements();
  items.push_back(
      {"backbone_state", shape.backbone.parameter_count() * (2 + shape.optimizer.states()) * kFloat});
  items.push_back({"activations", activations.resident(machine.activation_slack)});
  items.push_back({"batches", pixels * (shape.batches_ahead + 2)});
  items.push_back({"program", machine.program_bytes});
  return items;
}

int64_t total_bytes(const std::vector<MemoryItem>& items) {
  int64_t sum = 0;
  for (const MemoryItem& item : items) sum += item.bytes;
  return sum;
}

int64_t bytes_of(const std::vector<MemoryItem>& items, const std::string& name) {
  const auto item = std::ranges::find(items, name, &MemoryItem::name);
  PFC_CHECK(item != items.end(), "no item {}", name);
  return item->bytes;
}

int64_t fewest_micro_batches(TrainingShape shape, const Machine& machine) {
  const auto allowed = static_cast<int64_t>(0.9 * static_cast<double>(machine.memory_bytes));
  const int64_t most = std::max<int64_t>(1, shape.global_batch / shape.ranks / 2);
  const auto takes_more = [&](int64_t parts) {
    shape.micro_batches = parts;
    return total_bytes(training_memory(shape, machine)) > allowed;
  };
  const auto fewer = std::views::iota(int64_t{1}, most);
  return 1 + std::ranges::distance(fewer.begin(), std::ranges::partition_point(fewer, takes_more));
}

}  // namespace partialfc
