// partialfc-glyphs: draws the built-in real data set (see glyph_set.h).
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <thread>

#include "examples/glyphs/glyph_set.h"
#include "partialfc/base/error.h"

namespace {

using namespace partialfc;

// A line that renews itself on a terminal, a line a stage elsewhere.
class ProgressLine {
 public:
  void show(std::string_view stage, int64_t done, int64_t total) {
    const int64_t percent = 100 * done / std::max<int64_t>(total, 1);
    if (stage == stage_ && percent == percent_) return;
    if (terminal_)
      fmt::print(stderr, "\r{}: {} %{}", stage, percent, done == total ? "\n" : "");
    else if (stage != stage_)
      fmt::print(stderr, "{}\n", stage);
    stage_ = stage;
    percent_ = percent;
  }

 private:
  const bool terminal_ = isatty(STDERR_FILENO);
  std::string stage_;
  int64_t percent_ = -1;
};

void print_report(const GlyphSetReport& report, const GlyphSetOptions& options) {
  fmt::print("{} classes, {} training images of {} x {} pixels, {:.1f} a class, at least {}\n",
             report.classes, report.images, options.size, options.size,
             static_cast<double>(report.images) / static_cast<double>(report.classes), report.fewest_images);
  fmt::print("{} characters kept from training\n", report.unseen_characters);
  fmt::print("{} faces; design families trained on: {}; never trained on: {}\n", report.faces,
             fmt::join(report.trained_families, ", "), fmt::join(report.unseen_families, ", "));
  fmt::print(
      "dropped: {} characters drawn like another, {} in too few fonts; "
      "{} images that stand for two characters, {} repeated\n",
      report.twins, report.rare, report.ambiguous, report.repeated);
  fmt::print("fonts read in {:.1f} s, training set written in {:.1f} s: {:.0f} images/s, {} threads\n",
             report.survey_seconds, report.write_seconds,
             static_cast<double>(report.images) / report.write_seconds, options.threads);
}

}  // namespace

int main(int argc, char** argv) {
  GlyphSetOptions options;
  options.threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  std::string set = "small";

  CLI::App app{"Draws characters in the fonts of this machine: a training set and two verification packs."};
  app.option_defaults()->always_capture_default();
  app.add_option("output", options.output, "folder to write to")->required();
  app.add_option("--set", set, "small: the fonts that fonts-small.txt installs; full: all fonts")
      ->check(CLI::IsMember({"small", "full"}));
  app.add_option("--fonts", options.fonts, "folder of fonts to use in place of the installed ones");
  app.add_option("--size", options.size, "height and width of an image, in pixels")
      ->check(CLI::Range(8, 1024));
  auto* min_families =
      app.add_option("--min-families", options.min_families,
                     "fewest design families in which a class is trained on; 3 with --set full")
          ->check(CLI::Range(1, 1000));
  app.add_option("--unseen-characters", options.unseen_characters,
                 "share of the characters that is kept from training")
      ->check(CLI::Range(0.001, 0.9));
  app.add_option("--pairs", options.pairs, "pairs in each verification pack")
      ->check(CLI::Range(20, 10000000));
  app.add_option("--seed", options.seed, "chooses the unseen characters and the pairs");
  app.add_option("--threads", options.threads, "threads that draw")->check(CLI::Range(1, 1024));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  options.full = set == "full";
  if (options.full && min_families->count() == 0) options.min_families = 3;

  try {
    ProgressLine line;
    const auto report = build_glyph_set(
        options, [&](auto stage, int64_t done, int64_t total) { line.show(stage, done, total); });
    print_report(report, options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "partialfc-glyphs: {}\n", error.what());
    return 1;
  }
}
