#include "trainer/weights.h"

#include <fmt/ranges.h>

#include <map>
#include <set>
#include <utility>

#include "partialfc/base/error.h"

namespace partialfc {

namespace {

constexpr const char* kStateSuffixes[] = {".m", ".v"};

using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

TensorType type_of(const torch::Tensor& tensor) {
  return tensor.scalar_type() == torch::kInt64 ? TensorType::kI64 : TensorType::kF32;
}

std::span<const std::byte> bytes_of(const torch::Tensor& contiguous) {
  return {static_cast<const std::byte*>(contiguous.data_ptr()), contiguous.nbytes()};
}

void write_tensors(const std::filesystem::path& path, const NamedTensors& tensors,
                   const TensorMetadata& metadata) {
  const std::map<std::string, torch::Tensor> by_name(tensors.begin(), tensors.end());
  std::vector<TensorInfo> infos;
  for (const auto& [name, tensor] : tensors)
    infos.push_back({.name = name, .type = type_of(tensor), .shape = tensor.sizes().vec()});
  SafetensorsWriter writer(path, infos, metadata);
  for (const TensorInfo& info : writer.tensors())
    writer.append(info.name, bytes_of(by_name.at(info.name).detach().cpu().contiguous()));
  writer.close();
}

void read_into(const SafetensorsFile& file, const std::string& name, torch::Tensor target) {
  const TensorInfo& info = file.at(name);
  if (info.shape != target.sizes().vec() || info.type != type_of(target))
    fail("{}: tensor '{}' is {} ({}), the backbone needs {} ({})", file.path().string(), name,
         name_of(info.type), fmt::join(info.shape, ", "), name_of(type_of(target)),
         fmt::join(target.sizes().vec(), ", "));
  torch::NoGradGuard no_grad;
  torch::Tensor values = torch::empty(target.sizes(), target.scalar_type());
  file.read(info, 0, {static_cast<std::byte*>(values.data_ptr()), values.nbytes()});
  target.copy_(values);
}

// All tensors of the file, into those of the same names.
void read_tensors(const SafetensorsFile& file, const NamedTensors& targets) {
  std::set<std::string> read;
  for (const auto& [name, target] : targets) {
    read_into(file, name, target);
    read.insert(name);
  }
  for (const TensorInfo& info : file.tensors())
    if (!read.contains(info.name))
      fail("{}: tensor '{}' has no place in this backbone: it is of a larger or another one",
           file.path().string(), info.name);
}

// A state of a parameter, as a view of the flat state in the parameter's shape and layout.
torch::Tensor view_of_state(const Network::Parameter& parameter, const torch::Tensor& state) {
  return torch::as_strided(state, parameter.tensor.sizes(), parameter.tensor.strides(), parameter.offset);
}

NamedTensors tensors_of(const Network& network) {
  NamedTensors tensors;
  for (const Network::Parameter& parameter : network.parameters())
    tensors.emplace_back(parameter.spec.name, parameter.tensor);
  return tensors;
}

NamedTensors tensors_of(const Network& network, std::span<const torch::Tensor> states) {
  NamedTensors tensors;
  for (size_t k = 0; k < states.size(); ++k)
    for (const Network::Parameter* parameter : network.trainable())
      tensors.emplace_back(parameter->spec.name + kStateSuffixes[k], view_of_state(*parameter, states[k]));
  return tensors;
}

}  // namespace

void write_weights(const std::filesystem::path& path, const Network& network,
                   const TensorMetadata& metadata) {
  write_tensors(path, tensors_of(network), metadata);
}

void read_weights(const std::filesystem::path& path, Network& network) {
  read_tensors(SafetensorsFile(path), tensors_of(network));
}

void write_optimizer_state(const std::filesystem::path& path, const Network& network,
                           std::span<const torch::Tensor> states, const TensorMetadata& metadata) {
  write_tensors(path, tensors_of(network, states), metadata);
}

TensorMetadata read_optimizer_state(const std::filesystem::path& path, const Network& network,
                                    std::span<const torch::Tensor> states) {
  const SafetensorsFile file(path);
  read_tensors(file, tensors_of(network, states));
  return file.metadata();
}

}  // namespace partialfc
