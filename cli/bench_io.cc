// partialfc bench io: which part of the input bounds a run.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/bench.h"
#include "measure/io_measurement.h"

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
      {"decode", json_of(figures.decoding.decode)},
      {"bare_decode", nullptr},
      {"decode_on_all", json_of(figures.decoding.decode_on_all)},
      {"augment", json_of(figures.decoding.augment)},
      {"loader", json_of(figures.decoding.loader)}};
  if (figures.disk)
    json["disk"] = {{"in_order", json_of(figures.disk->in_order)},
                    {"forward", json_of(figures.disk->forward)},
                    {"bare", {{"bytes_per_second", figures.disk->bare.bytes_per_second}}}};
  if (figures.decoding.bare_decode) json["bare_decode"] = json_of(*figures.decoding.bare_decode);
  const IoBound bound = io_bound(figures, options.loader.threads, needs);
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
    const DiskRates& disk = *figures.disk;
    print_row("disk, training's order", disk.in_order, threads + (options.by_shards ? ", by shards" : ""));
    print_row("disk, forward", disk.forward,
              fmt::format("{:.2f} of the bare file's {:.1f} MB/s",
                          disk.forward.bytes_per_second / disk.bare.bytes_per_second,
                          disk.bare.bytes_per_second * 1e-6));
  } else {
    fmt::print("{:<22}{:>12}\n", "disk", "in memory");
  }
  print_row("memory", figures.memory, threads);
  print_row("decode", figures.decoding.decode,
            figures.decoding.bare_decode ? fmt::format("one core; {:.2f} of libjpeg-turbo's {:.0f}",
                                                       figures.decoding.decode.images_per_second /
                                                           figures.decoding.bare_decode->images_per_second,
                                                       figures.decoding.bare_decode->images_per_second)
                                         : "one core");
  if (options.loader.threads > 1) print_row("decode", figures.decoding.decode_on_all, threads);
  print_row("resize, augment", figures.decoding.augment, "one core");
  print_row("loader", figures.decoding.loader,
            fmt::format("{}; {:.2f} of decode on as many", threads,
                        figures.decoding.loader.images_per_second /
                            figures.decoding.decode_on_all.images_per_second));
  fmt::print("\n{}\n", io_bound(figures, options.loader.threads, needs).line);
}

int bench_io(const IoArguments& arguments) {
  IoOptions options = io_options_of(recipe_of(arguments), arguments.threads);
  options.seconds = arguments.seconds;
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
      R"(Before it reads from the disk it takes the file out of the system's cache. Decoding is that of the first 1,000
images of an order, again and again, in turn with bare libjpeg-turbo on the same bytes and core, and with the
loader, which reads them from the cache; medians. By shards, two windows are read from the disk.)");
  command->callback([&action, arguments] { action.run = [arguments] { return bench_io(*arguments); }; });
}

}  // namespace partialfc
