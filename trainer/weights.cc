#include "trainer/weights.h"

#include <fmt/ranges.h>

#include <map>

#include "partialfc/base/error.h"

namespace partialfc {

namespace {

constexpr const char* kStateSuffixes[] = {".m", ".v"};

TensorType type_of(const torch::Tensor& tensor) {
  return tensor.scalar_type() == torch::kInt64 ? TensorType::kI64 : TensorType::kF32;
}

std::span<const std::byte> bytes_of(const torch::Tensor& contiguous) {
  return {static_cast<const std::byte*>(contiguous.data_ptr()), contiguous.nbytes()};
}

void write_tensors(const std::filesystem::path& path, const std::map<std::string, torch::Tensor>& tensors,
                   const TensorMetadata& metadata) {
  std::vector<TensorInfo> infos;
  for (const auto& [name, tensor] : tensors)
    infos.push_back({.name = name, .type = type_of(tensor), .shape = tensor.sizes().vec()});
  SafetensorsWriter writer(path, infos, metadata);
  for (const TensorInfo& info : writer.tensors())
    writer.append(info.name, bytes_of(tensors.at(info.name).detach().contiguous()));
  writer.close();
}

void read_into(const SafetensorsFile& file, const std::string& name, torch::Tensor target) {
  const TensorInfo& info = file.at(name);
  if (info.shape != target.sizes().vec() || info.type != type_of(target))
    fail("{}: tensor '{}' is {} ({}), the backbone needs {} ({})", file.path().string(), name,
         name_of(info.type), fmt::join(info.shape, ", "), name_of(type_of(target)),
         fmt::join(target.sizes().vec(), ", "));
  torch::NoGradGuard no_grad;
  torch::Tensor values =
      torch::empty(target.sizes(), target.options().memory_format(torch::MemoryFormat::Contiguous));
  file.read(info, 0, {static_cast<std::byte*>(values.data_ptr()), values.nbytes()});
  target.copy_(values);
}

// A state of a parameter, as a view of the flat state in the parameter's shape and layout.
torch::Tensor view_of_state(const Network::Parameter& parameter, const std::vector<float>& state) {
  float* data = const_cast<float*>(state.data()) + parameter.offset;
  return torch::from_blob(data, parameter.tensor.sizes(), parameter.tensor.strides(), torch::kFloat32);
}

}  // namespace

void write_weights(const std::filesystem::path& path, const Network& network,
                   const TensorMetadata& metadata) {
  std::map<std::string, torch::Tensor> tensors;
  for (const Network::Parameter& parameter : network.parameters())
    tensors[parameter.spec.name] = parameter.tensor;
  write_tensors(path, tensors, metadata);
}

void read_weights(const std::filesystem::path& path, Network& network) {
  const SafetensorsFile file(path);
  for (const Network::Parameter& parameter : network.parameters())
    read_into(file, parameter.spec.name, parameter.tensor);
}

void write_optimizer_state(const std::filesystem::path& path, const Network& network,
                           std::span<const std::vector<float>> states, const TensorMetadata& metadata) {
  std::map<std::string, torch::Tensor> tensors;
  for (size_t k = 0; k < states.size(); ++k)
    for (const Network::Parameter* parameter : network.trainable())
      tensors[parameter->spec.name + kStateSuffixes[k]] = view_of_state(*parameter, states[k]);
  write_tensors(path, tensors, metadata);
}

TensorMetadata read_optimizer_state(const std::filesystem::path& path, const Network& network,
                                    std::span<std::vector<float>> states) {
  const SafetensorsFile file(path);
  for (size_t k = 0; k < states.size(); ++k)
    for (const Network::Parameter* parameter : network.trainable())
      read_into(file, parameter->spec.name + kStateSuffixes[k], view_of_state(*parameter, states[k]));
  return file.metadata();
}

}  // namespace partialfc
