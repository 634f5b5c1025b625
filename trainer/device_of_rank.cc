#include "trainer/device_of_rank.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "partialfc/base/error.h"
#include "partialfc/device/runtime.h"

namespace partialfc {

namespace {

int rank_on_host(const Communicator& world) {
  int before = 0;
  for (int rank = 0; rank < world.rank(); ++rank)
    before += world.host_of(rank) == world.host_of(world.rank()) ? 1 : 0;
  return before;
}

bool may_share() {
  const char* const value = std::getenv("NCCL_MULTI_RANK_GPU_ENABLE");
  return value != nullptr && std::string_view(value) == "1";
}

// Throws what is in the way of using it.
void try_device(std::string_view option, const std::string& wanted, int ordinal) {
  try {
    runtime::use_device(ordinal);
  } catch (const UsageError& error) {
    fail("{} = '{}': {}", option, wanted, error.what());
  }
}

}  // namespace

DeviceName device_of_rank(const std::string& wanted, const Communicator& world, std::string_view option) {
  DeviceName device = parse_device_name(wanted == "auto" ? "cpu" : wanted);
  if (!device.is_gpu) return {};
  const int count = runtime::device_count(), ranks = world.ranks_on_host();
  const bool one_each = wanted.find(':') == std::string::npos;
  if (count > 0 && ranks > (one_each ? count : 1) && !may_share())
    fail_usage(
        "{} = '{}': {} ranks on host {} for {} GPU{}: start a rank for each GPU ('cuda'), or compute on the CPU "
        "('cpu'); ranks share a GPU with NCCL 2.30 or later and NCCL_MULTI_RANK_GPU_ENABLE=1",
        option, wanted, ranks, world.host_of(world.rank()), one_each ? count : 1,
        one_each && count > 1 ? "s" : "");
  if (one_each) device.ordinal = rank_on_host(world) % std::max(1, count);
  try_device(option, wanted, device.ordinal);
  return device;
}

}  // namespace partialfc
