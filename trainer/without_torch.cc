// What needs libtorch, in a program that was built without it: whatever the rest of the program asks of it.
#include "partialfc/base/error.h"
#include "trainer/backbone_pass.h"
#include "trainer/embed_set.h"
#include "trainer/load_model.h"
#include "trainer/torch_runtime.h"
#include "trainer/train.h"

namespace partialfc {

class Network {};

namespace {

[[noreturn]] void refuse() {
  fail_usage(
      "partialfc was built without libtorch: it cannot run a backbone; build it where CMake finds libtorch "
      "(CMAKE_PREFIX_PATH or Torch_DIR)");
}

}  // namespace

TrainOutcome train(const Recipe&, Communicator&, const TrainOptions&) { refuse(); }

LoadedModel::LoadedModel() = default;
LoadedModel::LoadedModel(LoadedModel&&) noexcept = default;
LoadedModel::~LoadedModel() = default;
LoadedModel load_model(const std::filesystem::path&, const LoadOptions&) { refuse(); }

EmbeddedSet embed_set(Network&, const ImageSource&, const EmbedSetOptions&, ThreadTeam&) { refuse(); }

VerificationResult verify_pack(Network&, const EmbedOptions&, ThreadTeam&, Communicator&,
                               const VerificationPack&, const std::string&) {
  refuse();
}

BackbonePass::BackbonePass(const Graph&, Precision, bool) { refuse(); }
BackbonePass::~BackbonePass() = default;
void BackbonePass::run(int64_t) { refuse(); }

void set_torch_threads(int) { refuse(); }

TorchVersions torch_versions() { return {}; }

}  // namespace partialfc
