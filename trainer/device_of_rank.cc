#include "trainer/device_of_rank.h"

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

// Throws what is in the way of using it.
void try_device(const std::string& wanted, int ordinal) {
  try {
    runtime::use_device(ordinal);
  } catch (const UsageError& error) {
    fail("train.device = '{}': {}", wanted, error.what());
  }
}

}  // namespace

DeviceName device_of_rank(const std::string& wanted, const Communicator& world) {
  DeviceName device = parse_device_name(wanted == "auto" ? "cpu" : wanted);
  if (!device.is_gpu) return {};
  const int count = runtime::device_count();
  const bool one_each = wanted.find(':') == std::string::npos;
  if (one_each && count > 0 && world.ranks_on_host() > count)
    fail_usage(
        "train.device = '{}': {} ranks on host {}, which has {} GPU{}: start a rank for each GPU, or let ranks share one "
        "(train.device = 'cuda:0'), or train on the CPU ('cpu')",
        wanted, world.ranks_on_host(), world.host_of(world.rank()), count, count == 1 ? "" : "s");
  if (one_each) device.ordinal = rank_on_host(world);
  try_device(wanted, device.ordinal);
  return device;
}

}  // namespace partialfc
