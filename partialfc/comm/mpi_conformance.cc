// Runs the conformance suite under mpirun: mpirun -np R mpi_conformance. Status 0 if all checks pass on all ranks.
#include <fmt/core.h>

#include <cstdio>
#include <memory>

#include "partialfc/comm/agreement.h"
#include "partialfc/comm/conformance.h"
#include "partialfc/comm/mpi.h"

namespace partialfc {
namespace {

// A message that MPI cannot count: refused, on every rank, before anything is sent.
void check_too_many_elements(Communicator& c) {
  const int64_t count = 3'000'000'000;
  const auto memory = std::make_unique_for_overwrite<std::byte[]>(count);  // never touched, so never there
  try {
    c.broadcast(std::span(memory.get(), count), 0).wait();
  } catch (const Error& error) {
    if (std::string(error.what()).find("at most 2147483647 elements") != std::string::npos) return;
    throw;
  }
  fail("a broadcast of {} elements was not refused", count);
}

// Ranks that differ are told so, all in the same words.
void check_agreement(Communicator& c) {
  require_agreement(c, std::vector<NamedValue>{{"seed", "1"}}, "");
  if (c.size() == 1) return;
  std::string message;
  try {
    require_agreement(c, std::vector<NamedValue>{{"rate", c.rank() == c.size() - 1 ? "0.2" : "0.1"}},
                      "start them alike");
  } catch (const DisagreementError& error) {
    message = error.what();
  }
  const std::string expected =
      fmt::format("rate is 0.1 on rank 0 (host {}) and 0.2 on rank {} (host {}): start them alike",
                  c.host_of(0), c.size() - 1, c.host_of(c.size() - 1));
  if (message != expected) fail("rank {} was told '{}' instead of '{}'", c.rank(), message, expected);
}

void run_checks(MpiSession& session) {
  Communicator& world = session.world();
  if (!MpiSession::launched_by_mpi()) fail("launched_by_mpi() is false under mpirun");
  for (const ConformanceCheck& check : conformance_checks()) {
    if (world.rank() == 0) fmt::print("{}\n", check.name);
    std::fflush(stdout);
    check.run(world);
  }
  if (world.size() > 1) check_too_many_elements(world);  // one rank alone sends nothing
  check_agreement(world);
  world.barrier().wait();
}

}  // namespace
}  // namespace partialfc

int main() {
  partialfc::MpiSession session({std::chrono::seconds(60)});
  try {
    partialfc::run_checks(session);
  } catch (const std::exception& error) {
    fmt::print(stderr, "failed: {}\n", error.what());
    session.abort(1);
  }
}
