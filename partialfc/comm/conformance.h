// What every communicator must do, as checks to be run by all ranks of a group: by threads in
// communicator_test.cc, by processes in mpi_conformance.cc. Inputs are integers, so that every sum
// is exact whatever its order.
#pragma once

#include <span>

#include "partialfc/comm/communicator.h"

namespace partialfc {

struct ConformanceCheck {
  const char* name;
  void (*run)(Communicator&);  // collective; throws where something is wrong
};

std::span<const ConformanceCheck> conformance_checks();

}  // namespace partialfc
