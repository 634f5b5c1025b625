#include "trainer/start_agreement.h"

#include <torch/version.h>

namespace partialfc {

std::vector<NamedValue> program_values() {
  return {{"the version of partialfc", PARTIALFC_VERSION},
          {"the compiler of partialfc", __VERSION__},
          {"the build of partialfc", PARTIALFC_BUILD},
          {"the version of libtorch", TORCH_VERSION}};
}

const Recipe& agreed(const Recipe& recipe, Precision backbone, Communicator& world) {
  require_agreement(world, program_values(), "install the same program on all hosts");
  require_agreement(world, shared_values(recipe),
                    "all ranks must be started with the same recipe and options");
  const NamedValue meant{fmt::format("train.precision = '{}'", recipe.train.precision),
                         backbone == Precision::kBFloat16 ? "bf16" : "fp32"};
  require_agreement(world, std::span(&meant, 1),
                    "the devices differ: set train.precision to 'fp32', or leave out the hosts without bf16");
  return recipe;
}

void require_same_data(const FoundData& found, Communicator& world) {
  std::vector<NamedValue> values = {
      {"data.classes", fmt::format("{}", found.num_classes)},
      {"data.images", fmt::format("{}", found.images)},
      {"data.path's list of images (fingerprint)", fmt::format("{:016x}", found.fingerprint)}};
  for (const NamedValue& pack : found.packs)
    values.push_back({"verification.packs." + pack.name, pack.value});
  require_agreement(world, values, "all hosts must hold the same data");
}

}  // namespace partialfc
