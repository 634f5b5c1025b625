// Channels over NCCL among the processes of mpirun: mpirun -np R mpi_nccl [MODE]. Without a mode it runs the conformance
// checks, status 0 if all pass on all ranks. With one, rank 1
//   sleep   computes for ever     die    is killed by a signal
//   break   hears from NCCL that the network is down
// and the others tell what they hear. Every rank has a device of its own. fake_nccl.h and the simulator, or NCCL and GPUs.
#include <fmt/core.h>
#include <signal.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "partialfc/comm/mpi.h"
#include "partialfc/comm/nccl.h"
#include "partialfc/comm/staged_ranks.h"
#include "partialfc/device/buffer.h"
#ifdef PARTIALFC_FAKE_NCCL
#include "partialfc/comm/fake_nccl.h"
#endif

namespace partialfc {
namespace {

void run_checks(Communicator& world, Stream& stream) {
  for (const ConformanceCheck& check : device_conformance_checks()) {
    if (world.rank() == 0) fmt::print("{}\n", check.name);
    std::fflush(stdout);
    const auto staged = stage(open_nccl_channel(world, "device", stream), stream);
    check.run(*staged);
  }
}

void fail_on_rank_1(Communicator& world, Stream& stream, const std::string& mode) {
  DeviceBuffer<float> values(64);
  clear(values.span(), stream);
  const auto channel = open_nccl_channel(world, "head", stream);
  channel->all_reduce(values.span()).wait();
#ifdef PARTIALFC_FAKE_NCCL
  if (mode == "break") fake_nccl() = {.failing_rank = 1, .failing_operation = 2};
#endif
  if (world.rank() == 1 && mode == "sleep") std::this_thread::sleep_for(std::chrono::hours(1));
  if (world.rank() == 1 && mode == "die") ::kill(::getpid(), SIGKILL);
  channel->all_reduce(values.span()).wait();
}

}  // namespace
}  // namespace partialfc

int main(int count, char** arguments) {
  using namespace partialfc;
  const std::string mode = count > 1 ? arguments[1] : "";
  MpiSession session({.timeout = std::chrono::seconds(mode.empty() ? 60 : 3)});
  try {
    Communicator& world = session.world();
    if (runtime::device_count() == 0) {
      fmt::print("not run: no GPU\n");
      return 0;
    }
    runtime::use_device(world.rank() % runtime::device_count());
    Stream stream;
    if (mode.empty())
      run_checks(world, stream);
    else
      fail_on_rank_1(world, stream, mode);
    world.barrier().wait();
  } catch (const std::exception& error) {
    fmt::print(stderr, "rank {}: {}\n", session.world().rank(), error.what());
    session.abort(1);
  }
}
