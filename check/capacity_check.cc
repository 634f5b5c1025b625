#include "check/capacity_check.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "partialfc/base/error.h"
#include "partialfc/base/file.h"
#include "partialfc/data/image_source.h"
#include "partialfc/formats/shape.h"
#include "partialfc/plan/memory_model.h"
#include "trainer/recipe_shape.h"
#include "trainer/run_folder.h"

namespace partialfc {

namespace fs = std::filesystem;

namespace {

double total_steps(const Recipe& recipe, const TrainingShape& shape, const DataSize& data) {
  if (recipe.train.steps > 0) return static_cast<double>(recipe.train.steps);
  return std::ceil(recipe.train.epochs * static_cast<double>(data.images) /
                   static_cast<double>(shape.global_batch));
}

double rows_alive(const TrainingShape& shape, double steps) {
  const auto classes = static_cast<double>(shape.classes);
  return shape.sample_rate < 1 ? -classes * std::expm1(steps * std::log1p(-shape.sample_rate)) : classes;
}

double backbone_bytes(const TrainingShape& shape) {
  uint64_t bytes = shape.optimizer.states() * shape.backbone.parameter_count() * sizeof(float);
  for (const TensorSpec& tensor : shape.backbone.tensors())
    bytes += shape_bytes(tensor.shape, tensor.is_integer ? sizeof(int64_t) : sizeof(float));
  return static_cast<double>(bytes);
}

void check_room(const std::string& name, const fs::path& folder, double bytes, const std::string& what,
                const std::string& remedy, CheckList& list) {
  const fs::path place = existing_folder(folder);
  std::error_code error;
  const fs::space_info room = fs::space(place, error);
  if (error) return list.wrong(name, fmt::format("{}: {}", place.string(), error.message()), remedy);
  const auto available = static_cast<double>(room.available);
  const std::string found =
      fmt::format("{} for {}, {} free in {}", bytes_text(bytes), what, bytes_text(available), place.string());
  const std::map<std::string, double> figures = {{"needed", bytes}, {"available", available}};
  if (bytes > available)
    list.wrong(name, found, remedy, figures);
  else
    list.ok(name, found, figures);
}

}  // namespace

fs::path existing_folder(const fs::path& folder) {
  fs::path there = fs::absolute(folder).lexically_normal();
  std::error_code ignored;  // a folder that cannot be looked into is none
  while (!fs::exists(there, ignored) && there.has_relative_path()) there = there.parent_path();
  return there;
}

void check_writable(const std::string& name, const fs::path& folder, CheckList& list) {
  list.attempt(name, [&] {
    const fs::path place = existing_folder(folder),
                   probe = place / fmt::format(".partialfc-check-{}", ::getpid());
    write_file_atomically(probe, "can this be written?\n");
    fs::remove(probe);
    const bool holds_run = fs::exists(folder / kMetricsFile) || fs::exists(folder / kRecipeFile);
    list.ok(name, fmt::format("{} can be written{}", folder.string(),
                              holds_run ? "; it holds a run: train with --resume or --overwrite" : ""));
  });
}

void check_cache(const Recipe& recipe, CheckList& list) {
  if (recipe.data.source != "files" || recipe.data.cache != "ram") return;
  list.attempt("cache", [&] {
    const fs::path rec = find_record_file(recipe.data.path);
    if (rec.empty())
      return list.wrong("cache",
                        fmt::format("data.cache = \"ram\" copies a .rec; {} is none", recipe.data.path),
                        fmt::format("`partialfc pack {} OUT`, or data.cache = \"none\"", recipe.data.path));
    check_room("cache", recipe.data.cache_folder, static_cast<double>(fs::file_size(rec)),
               "a copy of the data", "free some there, or data.cache = \"none\"", list);
  });
}

void check_disk(const Recipe& recipe, const TrainingShape& shape, const DataSize& data,
                const fs::path& output, int ranks_here, CheckList& list) {
  constexpr double kClassAndOrder = 16, kBlock = 16;  // checkpoint/center_files.h
  const double steps = total_steps(recipe, shape, data), rows = rows_alive(shape, steps);
  const auto record = static_cast<double>(shape.record().bytes());
  const auto blocks = static_cast<double>(std::min(shape.classes, ClassPlacement::kMaxBlocks));
  const double checkpoint = rows * (record + kClassAndOrder) + blocks * kBlock + backbone_bytes(shape);
  const auto every = static_cast<double>(recipe.checkpoint.every);
  const double saves = every > 0 ? std::ceil(steps / every) : 1;
  const double most = std::min(static_cast<double>(recipe.checkpoint.keep) + 1, saves);
  double needed = most * checkpoint;
  std::string what =
      fmt::format("{:.0f} checkpoint{} of {}", most, most == 1 ? "" : "s", bytes_text(checkpoint));
  if (recipe.head.store == "file") {
    const double working_file = rows * static_cast<double>(shape.stored_record_bytes());
    if (recipe.head.store_folder.empty()) {
      needed += working_file;
      what += fmt::format(" and centers of {} in a file", bytes_text(working_file));
    } else {
      const double of_this_host = working_file * ranks_here / shape.ranks;  // each host has a disk of its own
      check_room("working file", recipe.head.store_folder, of_this_host, "centers in a file",
                 "free some there, or name another head.store_folder", list);
    }
  }
  check_room("checkpoints", output, needed, what,
             "free some there, name another --output, or keep fewer: checkpoint.keep = 1 takes the least",
             list);
}

void check_rank_memory(const TrainingShape& shape, const Machine& machine, int ranks_here, CheckList& list) {
  const std::vector<MemoryItem> items = training_memory(shape, machine);
  const auto rank = static_cast<double>(total_bytes(items)),
             available = static_cast<double>(memory_for_ranks(1));
  const MemoryItem& largest = *std::ranges::max_element(items, {}, &MemoryItem::bytes);
  const std::string found = fmt::format(
      "{} a rank{} x {} here (most of it {}: {}), {} available", bytes_text(rank),
      shape.micro_batches > 1 ? fmt::format(" in {} micro-batches", shape.micro_batches) : "", ranks_here,
      largest.name, bytes_text(static_cast<double>(largest.bytes)), bytes_text(available));
  const std::map<std::string, double> figures = {{"rank", rank}, {"available", available}};
  if (rank * ranks_here > available)
    list.wrong("memory", found,
               "more hosts, train.micro_batches, head.precision = \"bf16\" or head.store = \"file\"; "
               "`partialfc plan` tells what each brings",
               figures);
  else
    list.ok("memory", found, figures);
}

}  // namespace partialfc
