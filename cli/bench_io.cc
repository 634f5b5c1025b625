#include "cli/bench_io.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/io_measurement.h"
#include "partialfc/base/error.h"
#include "partialfc/data/image_source.h"
#include "trainer/recipe.h"
#include "trainer/world_batch.h"

namespace partialfc {

namespace {

struct IoArguments {
  std::string input;
  int threads = 0;
  double seconds = 3, needs = 0;
  bool json = false;
};

// Of a recipe; of a .rec alone, with a recipe's defaults.
Recipe recipe_of(const IoArguments& arguments) {
  if (std::filesystem::path(arguments.input).extension() == ".toml") return read_recipe(arguments.input, {});
  Recipe recipe;
  recipe.data.path = arguments.input;
  return recipe;
}

IoOptions options_of(const IoArguments& arguments) {
  const Recipe recipe = recipe_of(arguments);
  const Recipe::Data& data = recipe.data;
  if (data.source == "synthetic")
    fail_usage("{}: data.source = 'synthetic' has no input to measure", arguments.input);
  IoOptions options{.rec = find_record_file(data.path),
                    .by_shards = data.order == "shards",
                    .shard_bytes = data.shard_megabytes * 1'000'000,
                    .window_shards = data.window_shards,
                    .seconds = arguments.seconds};
  if (options.rec.empty())
    fail_usage("{}: only a .rec file is measured: make one with `partialfc pack {} OUT`", data.path,
               data.path);
  const int64_t threads = arguments.threads > 0 ? arguments.threads : data.threads;
  options.loader = {.stream = {.height = static_cast<int>(data.height),
                               .width = static_cast<int>(data.width),
                               .channels = static_cast<int>(data.channels),
                               .global_batch = batch_in_world(recipe, 1).global,
                               .seed = static_cast<uint64_t>(recipe.train.seed)},
                    .augment = recipe.augment,
                    .shuffle = data.shuffle,
                    .threads = threads > 0 ? static_cast<int>(threads) : std::max(1, threads_on_host() / 2),
                    .prefetch = static_cast<int>(data.prefetch)};
  return options;
}

// The part that is slowest, and one line about it.
struct Bound {
  std::string part;  // disk, cores or training
  std::string line;
};

Bound bound_of(const IoFigures& figures, const IoOptions& options, double needs) {
  const double loader = figures.loader.images_per_second;
  const double disk = figures.disk ? figures.disk->in_order.images_per_second : loader;
  const std::string found =
      figures.disk ? fmt::format("the disk gives {:.0f} images/s, {} loader thread{} make{} {:.0f}", disk,
                                 options.loader.threads, options.loader.threads == 1 ? "" : "s",
                                 options.loader.threads == 1 ? "s" : "", loader)
                   : fmt::format("the file is in memory, {} loader thread{} make{} {:.0f} images/s",
                                 options.loader.threads, options.loader.threads == 1 ? "" : "s",
                                 options.loader.threads == 1 ? "s" : "", loader);
  if (needs > 0 && needs <= std::min(disk, loader))
    return {"training", fmt::format("training bounds the run: it takes {:.0f} images/s; {}", needs, found)};
  const std::string needed = needs > 0 ? fmt::format(" of the {:.0f} that training could take", needs) : "";
  if (disk < loader)
    return {"disk", fmt::format("the disk bounds the input: {}{}. data.cache = \"ram\" reads it once, "
                                "data.order = \"shards\" forward",
                                found, needed)};
  return {"cores", fmt::format("decoding and augmentation bound the input: {}{}. "
                               "More threads help, and smaller images (partialfc pack --height --width)",
                               found, needed)};
}

nlohmann::json json_of(const IoRate& rate) {
  return {{"images_per_second", rate.images_per_second}, {"bytes_per_second", rate.bytes_per_second}};
}

nlohmann::json json_of(const IoFigures& figures, const IoOptions& options, double needs) {
  nlohmann::json json = {
      {"file", options.rec.string()},
      {"images", figures.images},
      {"image_bytes", figures.image_bytes},
      {"threads", options.loader.threads},
      {"order", options.loader.shuffle ? options.by_shards ? "shards" : "full" : "in turn"},
      {"disk", nullptr},
      {"memory", json_of(figures.memory)},
      {"decode", json_of(figures.decode)},
      {"bare_decode", nullptr},
      {"decode_on_all", json_of(figures.decode_on_all)},
      {"augment", json_of(figures.augment)},
      {"loader", json_of(figures.loader)}};
  if (figures.disk)
    json["disk"] = {{"in_order", json_of(figures.disk->in_order)},
                    {"forward", json_of(figures.disk->forward)},
                    {"bare", {{"bytes_per_second", figures.disk->bare.bytes_per_second}}}};
  if (figures.bare_decode) json["bare_decode"] = json_of(*figures.bare_decode);
  const Bound bound = bound_of(figures, options, needs);
  json["bound"] = bound.part;
  json["bound_line"] = bound.line;
  return json;
}

void print_row(const char* name, const IoRate& rate, const std::string& note) {
  fmt::print("{:<22}{:>12.0f}{:>11.1f}  {}\n", name, rate.images_per_second, rate.bytes_per_second * 1e-6,
             note);
}

void print_table(const IoFigures& figures, const IoOptions& options, double needs) {
  const std::string threads =
      fmt::format("{} thread{}", options.loader.threads, options.loader.threads == 1 ? "" : "s");
  fmt::print("{}: {} images, {:.0f} bytes each\n\n{:<22}{:>12}{:>11}\n", options.rec.string(), figures.images,
             figures.image_bytes, "", "images/s", "MB/s");
  if (figures.disk) {
    const IoFigures::Disk& disk = *figures.disk;
    print_row("disk, training's order", disk.in_order, threads + (options.by_shards ? ", by shards" : ""));
    print_row("disk, forward", disk.forward,
              fmt::format("{:.2f} of the bare file's {:.1f} MB/s",
                          disk.forward.bytes_per_second / disk.bare.bytes_per_second,
                          disk.bare.bytes_per_second * 1e-6));
  } else {
    fmt::print("{:<22}{:>12}\n", "disk", "in memory");
  }
  print_row("memory", figures.memory, threads);
  print_row("decode", figures.decode,
            figures.bare_decode
                ? fmt::format("one core; {:.2f} of libjpeg-turbo's {:.0f}",
                              figures.decode.images_per_second / figures.bare_decode->images_per_second,
                              figures.bare_decode->images_per_second)
                : "one core");
  if (options.loader.threads > 1) print_row("decode", figures.decode_on_all, threads);
  print_row("resize, augment", figures.augment, "one core");
  print_row("loader", figures.loader,
            fmt::format("{}; {:.2f} of decode on as many", threads,
                        figures.loader.images_per_second / figures.decode_on_all.images_per_second));
  fmt::print("\n{}\n", bound_of(figures, options, needs).line);
}

int bench_io(const IoArguments& arguments) {
  const IoOptions options = options_of(arguments);
  const IoFigures figures = measure_io(options);
  if (arguments.json)
    fmt::print("{}\n", json_of(figures, options, arguments.needs).dump());
  else
    print_table(figures, options, arguments.needs);
  return kDone;
}

}  // namespace

void add_bench_io_command(CLI::App* bench, Action& action) {
  CLI::App* command = bench->add_subcommand(
      "io",
      "Images a second from disk, memory, decoding, augmentation and the whole loader: which is slowest");
  auto arguments = std::make_shared<IoArguments>();
  command->add_option("input", arguments->input, "A recipe (.toml), or a .rec file: with a recipe's defaults")
      ->required();
  command
      ->add_option("--threads", arguments->threads,
                   "Loader threads; 0: the recipe's, or half of the cores, as in training")
      ->capture_default_str()
      ->check(CLI::Range(0, 4096));
  command->add_option("--seconds", arguments->seconds, "That each part is measured for, about")
      ->capture_default_str()
      ->check(CLI::Range(0.01, 3600.0));
  command->add_option("--needs", arguments->needs, "Images/s that training could take, to compare with")
      ->check(CLI::Range(1e-3, 1e12));
  command->add_flag("--json", arguments->json, "Print one JSON object to standard output");
  command->footer(
      "Before it reads from the disk it takes the file out of the system's cache. "
      "Decoding is that of the first 1,000\n"
      "images of an order, again and again, in turn with bare libjpeg-turbo on the same bytes and core, "
      "and with the\n"
      "loader, which reads them from the cache; medians. By shards, two windows are read from the disk.");
  command->callback([&action, arguments] { action = [arguments] { return bench_io(*arguments); }; });
}

}  // namespace partialfc
