// partialfc pack: images in folders or a list, into a .rec set for training.
#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <memory>

#include "cli/command.h"
#include "cli/progress_line.h"
#include "partialfc/base/cores.h"
#include "partialfc/data/image_source.h"
#include "partialfc/data/pack_images.h"

namespace partialfc {

namespace {

struct PackArguments {
  std::string input, output;
  PackOptions options;
};

int pack(const PackArguments& arguments) {
  const auto source = open_image_source(arguments.input);
  ProgressLine line("packing");
  const SkipReport report = pack_images(*source, arguments.output, arguments.options,
                                        [&](int64_t done, int64_t total) { line.show(done, total); });
  line.finish();
  if (report.skipped() > 0) fmt::print(stderr, "{}\n", report.summary());
  fmt::print("{}.rec: {} images of {} classes\n", arguments.output, report.seen() - report.skipped(),
             source->num_classes());
  return kDone;
}

}  // namespace

void add_pack_command(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("pack", "Pack a folder or a list of images into .rec/.idx for training");
  auto arguments = std::make_shared<PackArguments>();
  PackOptions& options = arguments->options;
  options.threads = usable_cores();
  command
      ->add_option("input", arguments->input,
                   "A folder with a folder a class, or a list (.lst, or lines \"path label\")")
      ->required();
  command->add_option("output", arguments->output, "Path of the set without extension, e.g. data/faces/train")
      ->required();
  command->add_option("--height", options.height, "Resize to this height; 0: sizes are kept")
      ->capture_default_str()
      ->check(CLI::Range(0, 4096));
  command->add_option("--width", options.width, "Resize to this width")
      ->capture_default_str()
      ->check(CLI::Range(0, 4096));
  command->add_option("--channels", options.channels, "1 gray or 3 RGB, of images encoded anew")
      ->capture_default_str()
      ->check(CLI::IsMember({1, 3}));
  const std::map<std::string, PackEncoding> encodings = {
      {"keep", PackEncoding::kKeep}, {"png", PackEncoding::kPng}, {"jpeg", PackEncoding::kJpeg}};
  command->add_option("--encoding", options.encoding, "keep, png or jpeg [keep]")
      ->transform(CLI::CheckedTransformer(encodings));
  command->add_option("--quality", options.quality, "Of JPEG")
      ->capture_default_str()
      ->check(CLI::Range(1, 100));
  command->add_option("--threads", options.threads, "")->capture_default_str()->check(CLI::Range(1, 4096));
  command
      ->add_option("--max-skipped", options.max_skipped, "Share of unusable images above which packing fails")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  command->callback([&action, arguments] {
    action = {.run = [arguments] { return pack(*arguments); }, .in_worker = false};
  });
}

}  // namespace partialfc
