// partialfc cache: the copies of .rec sets in memory that data.cache = "ram" makes and uses.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/command.h"
#include "cli/progress_line.h"
#include "partialfc/base/error.h"
#include "partialfc/data/image_source.h"
#include "partialfc/data/ram_cache.h"

namespace partialfc {

namespace {

namespace fs = std::filesystem;

struct CacheArguments {
  std::string folder = "/dev/shm";
  std::string file;
  bool all = false, json = false;
};

const char* name_of(CachedSet::State state) {
  switch (state) {
    case CachedSet::State::kInUse:
      return "in use";
    case CachedSet::State::kKept:
      return "kept";
    case CachedSet::State::kLeftBehind:
      return "left behind";
    case CachedSet::State::kUnfinished:
      return "unfinished";
  }
  __builtin_unreachable();
}

int fill(const CacheArguments& arguments) {
  const fs::path rec = find_record_file(arguments.file);
  if (rec.empty())
    fail_usage("{}: only a .rec file can be kept in memory: make one with `partialfc pack {} OUT`",
               arguments.file, arguments.file);
  ProgressLine line("copying MB");
  CachedCopy copy = RamCache(arguments.folder).open(rec, [&](uint64_t done, uint64_t total) {
    line.show(static_cast<int64_t>(done / 1'000'000), static_cast<int64_t>(total / 1'000'000));
  });
  line.finish();
  copy.keep();
  fmt::print("{}\n", copy.rec().string());
  return kDone;
}

int list(const CacheArguments& arguments) {
  nlohmann::json sets = nlohmann::json::array();
  for (const CachedSet& set : RamCache(arguments.folder).list()) {
    sets.push_back({{"source", set.source.string()},
                    {"folder", set.folder.string()},
                    {"bytes", set.bytes},
                    {"state", name_of(set.state)},
                    {"outdated", set.outdated}});
    if (arguments.json) continue;
    const fs::path& shown = set.source.empty() ? set.folder : set.source;
    fmt::print("{:>10.3f} GB  {:<12} {}{}\n", static_cast<double>(set.bytes) * 1e-9, name_of(set.state),
               shown.string(), set.outdated ? "  (the file has changed since)" : "");
  }
  if (arguments.json)
    fmt::print("{}\n", nlohmann::json{{"sets", sets}}.dump());
  else if (sets.empty())
    fmt::print("{}: nothing is cached\n", arguments.folder);
  return kDone;
}

// Without a file or --all: what killed runs have left.
bool is_meant(const CachedSet& set, const CacheArguments& arguments, const fs::path& source) {
  if (arguments.all) return true;
  if (!arguments.file.empty()) return set.source == source;
  return set.state == CachedSet::State::kLeftBehind || set.state == CachedSet::State::kUnfinished;
}

int drop(const CacheArguments& arguments) {
  fs::path source;
  if (!arguments.file.empty()) {
    // The file itself may be gone.
    const fs::path rec = find_record_file(arguments.file);
    source = fs::weakly_canonical(rec.empty() ? fs::path(arguments.file) : rec);
  }
  RamCache cache(arguments.folder);
  int64_t dropped = 0;
  std::string in_use;
  for (const CachedSet& set : cache.list()) {
    if (!is_meant(set, arguments, source)) continue;
    if (cache.drop(set))
      ++dropped;
    else
      in_use = set.source.empty() ? set.folder : set.source;
  }
  if (!in_use.empty()) fail("{}: is in use by a run: stop it first, or wait for its end", in_use);
  if (dropped == 0 && !source.empty())
    fail("{}: is not in the cache of {}; `partialfc cache list` shows what is", source.string(),
         arguments.folder);
  fmt::print("{} dropped\n", dropped);
  return kDone;
}

CLI::App* add_subcommand(CLI::App* cache, const char* name, const char* help,
                         const std::shared_ptr<CacheArguments>& arguments, Action& action,
                         int (*run)(const CacheArguments&)) {
  CLI::App* command = cache->add_subcommand(name, help);
  command->add_option("--folder", arguments->folder, "Where the copies are: data.cache_folder")
      ->capture_default_str();
  command->callback([&action, arguments, run] {
    action = {.run = [arguments, run] { return run(*arguments); }, .in_worker = false};
  });
  return command;
}

}  // namespace

void add_cache_command(CLI::App& app, Action& action) {
  CLI::App* cache =
      app.add_subcommand("cache", "Copies of .rec sets in memory, which data.cache = \"ram\" uses");
  cache->require_subcommand(1);
  auto arguments = std::make_shared<CacheArguments>();
  add_subcommand(cache, "fill", "Copy a set into memory, where it stays until dropped", arguments, action,
                 fill)
      ->add_option("file", arguments->file, "A .rec file, or what data.path names")
      ->required();
  add_subcommand(cache, "list", "What is there, and who keeps it", arguments, action, list)
      ->add_flag("--json", arguments->json, "Print one JSON object to standard output");
  CLI::App* dropping =
      add_subcommand(cache, "drop", "Remove a set's copies; without a name, those that killed runs have left",
                     arguments, action, drop);
  CLI::Option* file = dropping->add_option("file", arguments->file, "The set, by its file");
  dropping->add_flag("--all", arguments->all, "All that are not in use")->excludes(file);
}

}  // namespace partialfc
