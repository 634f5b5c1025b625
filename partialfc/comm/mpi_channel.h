// A channel over MPI, and one operation under way on it. Guarded by the engine's lock. Internal to comm/.
#pragma once

#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "partialfc/base/trace.h"
#include "partialfc/comm/delay.h"

namespace partialfc {

struct MpiChannel {
  std::string name;
  MPI_Comm communicator = MPI_COMM_NULL;
  Position position;
  std::unique_ptr<TraceLane> lane;
};

struct MpiPending {
  using Clock = std::chrono::steady_clock;
  using Scratch = std::shared_ptr<std::vector<std::byte>>;

  MPI_Request request = MPI_REQUEST_NULL;
  bool done = false;
  bool watched = false;  // something else performs it, and says when it is done
  int channel = -1;
  int64_t number = 0;  // on the channel, the first being #1
  CollectiveCall call;
  Scratch scratch;  // of ours, that MPI fills: held until done, or for the rest of the process's life
  std::optional<Clock::time_point> waited_since;
  TraceLane* lane = nullptr;  // the channel's
  int64_t began = 0;          // as TraceLane::begin()

  double seconds_waited() const {
    return std::chrono::duration<double>(Clock::now() - *waited_since).count();
  }
};

}  // namespace partialfc
