// partialfc embed: embeddings of images, as a NumPy array with a list of keys beside it.
#include <fmt/format.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "cli/command.h"
#include "cli/progress_line.h"
#include "partialfc/base/error.h"
#include "partialfc/base/file.h"
#include "partialfc/data/image_source.h"
#include "partialfc/formats/npy.h"
#include "trainer/embedder.h"
#include "trainer/load_model.h"

namespace partialfc {

namespace {

struct EmbedArguments {
  std::string model, input, output;
  int64_t batch = 256;
  bool no_mirror = false, normalize = false;
  int threads = 0;
  std::string precision;
};

void normalize_rows(MatrixView<float> rows) {
  for (int64_t i = 0; i < rows.rows; ++i) {
    double square = 0;
    for (int64_t d = 0; d < rows.cols; ++d) square += double{rows(i, d)} * rows(i, d);
    const auto inverse = static_cast<float>(1 / std::max(std::sqrt(square), 1e-12));
    for (int64_t d = 0; d < rows.cols; ++d) rows(i, d) *= inverse;
  }
}

int embed(const EmbedArguments& arguments) {
  const auto source = open_image_source(arguments.input);
  LoadedModel model = load_model(arguments.model, arguments.precision);
  if (!model.notice.empty()) fmt::print(stderr, "{}\n", model.notice);
  const int threads = arguments.threads > 0 ? arguments.threads : threads_on_host();
  torch::set_num_threads(threads);
  ThreadTeam team(threads);
  const EmbedOptions options{.batch = arguments.batch,
                             .mirror = !arguments.no_mirror && model.recipe.verification.mirror};
  const int64_t dim = model.network->graph().embedding();
  const std::filesystem::path keys_path = arguments.output + ".keys.tsv";
  NpyWriter<float> embeddings(arguments.output + ".npy", dim);
  OutputFile keys(keys_path);
  ProgressLine line("embedding");
  Matrix<float> rows(arguments.batch, dim);
  std::vector<int64_t> labels(arguments.batch);
  for (int64_t first = 0; first < source->size(); first += arguments.batch) {
    const int64_t count = std::min(arguments.batch, source->size() - first);
    const auto part = rows.view().rows_from(0, count);
    embed_images(
        *model.network, options, team, first,
        [&](int64_t index) {
          EncodedImage image = source->read(index);
          labels[index - first] = image.label;
          return std::move(image.bytes);
        },
        [&](int64_t index) { return source->describe(index); }, part);
    if (arguments.normalize) normalize_rows(part);
    embeddings.append(part);
    for (int64_t i = 0; i < count; ++i)
      keys.write(fmt::format("{}\t{}\t{}\n", first + i, labels[i], source->describe(first + i)));
    line.show(first + count, source->size());
  }
  line.finish();
  embeddings.close();
  keys.close();
  fmt::print("{}.npy: {} x {} float32; row, label and image in {}\n", arguments.output, source->size(), dim,
             keys_path.string());
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
  command->callback([&action, arguments] { action = [arguments] { return embed(*arguments); }; });
}

}  // namespace partialfc
