// What every communicator must do, as checks to be run by all ranks of a group: by threads in communicator_test.cc, by
// processes in mpi_conformance.cc. Inputs are integers, so that every sum is exact whatever its order.
#pragma once

#include <span>
#include <vector>

#include "partialfc/comm/communicator.h"

namespace partialfc {

struct ConformanceCheck {
  const char* name;
  void (*run)(Communicator&);  // collective; throws where something is wrong
};

std::span<const ConformanceCheck> operation_checks();
std::span<const ConformanceCheck> request_checks();

inline std::vector<ConformanceCheck> conformance_checks() {
  std::vector<ConformanceCheck> all;
  for (const auto part : {operation_checks(), request_checks()})
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace partialfc
