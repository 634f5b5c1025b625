// partialfc embed: embeddings of images, as a NumPy array with a list of keys beside it.
#include <fmt/format.h>

#include <memory>

#include "cli/command.h"
#include "cli/progress_line.h"
#include "partialfc/base/cores.h"
#include "partialfc/data/image_source.h"
#include "trainer/embed_set.h"
#include "trainer/load_model.h"
#include "trainer/torch_runtime.h"

namespace partialfc {

namespace {

struct EmbedArguments {
  std::string model, input, output;
  int64_t batch = 256;
  bool no_mirror = false, normalize = false;
  int threads = 0;
  std::string precision, device = "cpu";
};

int embed(const EmbedArguments& arguments) {
  const auto source = open_image_source(arguments.input);
  LoadedModel model = load_model(
      arguments.model, {.precision = arguments.precision, .device = parse_device_name(arguments.device)});
  if (!model.notice.empty()) fmt::print(stderr, "{}\n", model.notice);
  const int threads = arguments.threads > 0 ? arguments.threads : usable_cores();
  set_torch_threads(threads);
  ThreadTeam team(threads);
  ProgressLine line("embedding");
  const EmbeddedSet set =
      embed_set(*model.network, *source,
                {.embed = {.batch = arguments.batch,
                           .mirror = !arguments.no_mirror && model.recipe.verification.mirror},
                 .normalize = arguments.normalize,
                 .output = arguments.output,
                 .progress = [&](int64_t done, int64_t total) { line.show(done, total); }},
                team);
  line.finish();
  fmt::print("{}: {} x {} float32; row, label and image in {}\n", set.embeddings.string(), set.images,
             set.dim, set.keys.string());
  return kDone;
}

}  // namespace

void add_embed_command(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("embed", "Embeddings of a folder, list or .rec as .npy and keys");
  auto arguments = std::make_shared<EmbedArguments>();
  command->add_option("--model", arguments->model, "A run's folder or a checkpoint in it")->required();
  command->add_option("input", arguments->input, "Images: a folder, a list or a .rec")->required();
  command->add_option("output", arguments->output, "Writes OUTPUT.npy and OUTPUT.keys.tsv")->required();
  command->add_option("--batch", arguments->batch, "Images at once")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  command->add_flag("--no-mirror", arguments->no_mirror, "Leave out the mirror image's embedding");
  command->add_flag("--normalize", arguments->normalize, "Rows of length 1");
  command->add_option("--threads", arguments->threads, "0: all cores")
      ->capture_default_str()
      ->check(CLI::Range(0, 4096));
  command->add_option("--precision", arguments->precision, "fp32, bf16 or auto [the recipe's]")
      ->check(CLI::IsMember({"fp32", "bf16", "auto"}));
  command->add_option("--device", arguments->device, "cpu, cuda or cuda:N")->capture_default_str();
  command->callback([&action, arguments] { action.run = [arguments] { return embed(*arguments); }; });
}

}  // namespace partialfc
