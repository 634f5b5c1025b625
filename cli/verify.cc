// partialfc verify: accuracy of a trained model on verification packs.
#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "cli/command.h"
#include "partialfc/base/error.h"
#include "partialfc/data/verification_pack.h"
#include "trainer/device_of_rank.h"
#include "trainer/embedder.h"
#include "trainer/load_model.h"
#include "trainer/torch_runtime.h"

namespace partialfc {

namespace {

struct VerifyArguments {
  std::string model;
  std::vector<std::string> packs;
  int64_t batch = 256;
  bool no_mirror = false, json = false;
  int threads = 0;
  std::string precision, device = "cpu";
};

std::string name_of_pack(const std::string& path) { return std::filesystem::path(path).stem().string(); }

// Results are told by the packs' names.
void refuse_equal_names(const std::vector<std::string>& packs) {
  std::map<std::string, std::string> path_of;
  for (const std::string& path : packs)
    if (const auto [other, is_new] = path_of.emplace(name_of_pack(path), path); !is_new)
      fail_usage("--pack {} and --pack {} have one name, '{}': rename one", other->second, path,
                 other->first);
}

int verify(const VerifyArguments& arguments) {
  return run_as_rank({}, [&](Communicator& world) {
    refuse_equal_names(arguments.packs);
    std::vector<VerificationPack> packs;  // before the model: a bad pack is told at once
    for (const std::string& path : arguments.packs) packs.push_back(read_verification_pack(path));
    LoadedModel model = load_model(
        arguments.model,
        {.precision = arguments.precision, .device = device_of_rank(arguments.device, world, "--device")});
    if (world.rank() == 0 && !model.notice.empty()) fmt::print(stderr, "{}\n", model.notice);
    const int threads = threads_for_rank(arguments.threads, world);
    set_torch_threads(threads);
    ThreadTeam team(threads);
    const EmbedOptions options{.batch = arguments.batch,
                               .mirror = !arguments.no_mirror && model.recipe.verification.mirror};
    nlohmann::json report = nlohmann::json::object();
    for (size_t i = 0; i < packs.size(); ++i) {
      const std::string name = name_of_pack(arguments.packs[i]);
      const VerificationResult r = verify_pack(*model.network, options, team, world, packs[i], name);
      report[name] = {{"pairs", r.pairs},
                      {"accuracy", r.accuracy},
                      {"accuracy_std", r.accuracy_std},
                      {"tar_at_far_1e3", r.tar_at_far_1e3},
                      {"threshold", r.best_threshold},
                      {"auc", r.auc},
                      {"equal_error_rate", r.equal_error_rate},
                      {"xnorm", r.xnorm}};
      if (world.rank() != 0 || arguments.json) continue;
      fmt::print(
          "{}: accuracy {:.4f} +- {:.4f}  TAR@FAR 1e-3 {:.4f}  AUC {:.5f}  EER {:.4f}  XNorm {:.2f}  {} "
          "pairs\n",
          name, r.accuracy, r.accuracy_std, r.tar_at_far_1e3, r.auc, r.equal_error_rate, r.xnorm, r.pairs);
    }
    if (arguments.json && world.rank() == 0) fmt::print("{}\n", report.dump());
    return kDone;
  });
}

}  // namespace

void add_verify_command(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("verify", "Accuracy of a trained model on verification packs (.bin)");
  auto arguments = std::make_shared<VerifyArguments>();
  command->add_option("--model", arguments->model, "A run's folder or a checkpoint in it")->required();
  command->add_option("--pack", arguments->packs, "A pack; may be given several times")->required();
  command->add_option("--batch", arguments->batch, "Images at once on a rank")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  command->add_flag("--no-mirror", arguments->no_mirror, "Leave out the mirror image's embedding");
  command->add_option("--threads", arguments->threads, "Threads of a rank; 0: cores / ranks on the host")
      ->capture_default_str()
      ->check(CLI::Range(0, 4096));
  command->add_option("--precision", arguments->precision, "fp32, bf16 or auto [the recipe's]")
      ->check(CLI::IsMember({"fp32", "bf16", "auto"}));
  command->add_option("--device", arguments->device, "cpu; cuda: a GPU for each rank; cuda:N")
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "Print one JSON object to standard output");
  command->callback([&action, arguments] { action.run = [arguments] { return verify(*arguments); }; });
}

}  // namespace partialfc
