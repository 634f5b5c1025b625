// Which device a rank computes on: train.device of the recipe.
#pragma once

#include <string>
#include <string_view>

#include "partialfc/comm/communicator.h"
#include "partialfc/device/device_name.h"

namespace partialfc {

// wanted: "cpu"; "cuda": each rank of a host takes a GPU of its own, in the order of the ranks; "cuda:N": that GPU;
// "auto": "cpu", as long as no GPU has been tried. GPUs are counted as CUDA_VISIBLE_DEVICES lets them be seen. Throws
// Error where there is none, UsageError where ranks of this host would have to share one: NCCL lets them only from
// 2.30 on, and only where NCCL_MULTI_RANK_GPU_ENABLE=1 asks for it; then they do. option: what says so, in messages.
DeviceName device_of_rank(const std::string& wanted, const Communicator& world,
                          std::string_view option = "train.device");

}  // namespace partialfc
