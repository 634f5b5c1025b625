#include "cli/command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <thread>

#include "partialfc/base/cores.h"
#include "partialfc/base/error.h"
#include "partialfc/comm/agreement.h"
#include "partialfc/comm/mpi.h"
#include "partialfc/comm/thread_ranks.h"
#include "partialfc/launch/rank_environment.h"

namespace partialfc {

namespace {

// libtorch puts a C++ stack trace behind the first line of its messages.
std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

struct Failure {
  int exit_code = kDone;
  std::string message;
  bool is_of_all_ranks = false;
};

// The current exception as an exit code and a message.
Failure current_failure() {
  try {
    throw;
  } catch (const DisagreementError& error) {
    return {kWrongUsage, error.what(), true};
  } catch (const UsageError& error) {
    return {kWrongUsage, error.what()};
  } catch (const Error& error) {
    return {kFailed, error.what()};
  } catch (const InternalError& error) {
    return {kFailed, error.what()};
  } catch (const std::bad_alloc&) {
    return {kFailed, "out of memory: use more ranks, a smaller batch or fewer classes"};
  } catch (const std::exception& error) {
    return {kFailed, first_line(error.what())};
  }
}

void print_failure(const std::string& rank, const Failure& failure) {
  fmt::print(stderr, "partialfc: {}{}\n", rank, failure.message);
}

// For when the end itself may hang: an abort asks mpirun's daemon, a message goes through it, destructors and exit
// handlers wait for other ranks.
void end_within_seconds(int exit_code) {
  std::thread([exit_code] {
    std::this_thread::sleep_for(std::chrono::seconds(5));
    ::_exit(exit_code);
  }).detach();
}

}  // namespace

bool limit_openmp_spinning() {
  if (std::getenv("GOMP_SPINCOUNT") != nullptr || std::getenv("OMP_WAIT_POLICY") != nullptr) return false;
  return ::setenv("GOMP_SPINCOUNT", "1000", 1) == 0;
}

int report_errors(const std::function<int()>& body) {
  try {
    return body();
  } catch (...) {
    const Failure failure = current_failure();
    print_failure("", failure);
    return failure.exit_code;
  }
}

namespace {

// torchrun starts as many processes, and MPI knows nothing of them: each would be a whole run of its own, all writing to one
// folder.
void refuse_torchrun() {
  const std::string ranks = variable_or_empty("WORLD_SIZE");
  if (variable_or_empty("TORCHELASTIC_RUN_ID").empty() && variable_or_empty("RANK").empty()) return;
  if (std::atoi(ranks.c_str()) > 1)
    fail_usage(
        "started as one of {} processes by torchrun (WORLD_SIZE), which partialfc's ranks do not know: they talk over MPI, so "
        "start them with `partialfc launch -np {} -- …`",
        ranks, ranks);
}

}  // namespace

int run_as_rank(const Patience& patience, const std::function<int(Communicator&)>& body) {
  const auto ending = std::make_shared<std::atomic<bool>>(false);  // so that one thread alone says why
  const auto milliseconds = [](double seconds) {
    return std::chrono::milliseconds(static_cast<int64_t>(std::ceil(seconds * 1000)));
  };
  const Communicator::Options options{
      .timeout = milliseconds(patience.timeout),
      .heartbeat = milliseconds(patience.heartbeat),
      .on_long_wait = [](const std::string& line) { fmt::print(stderr, "{}\n", line); },
      .on_lost =
          [ending](const std::string& why) {
            if (ending->exchange(true)) return;
            end_within_seconds(kFailed);
            print_failure("", {kFailed, why});
            ::_exit(kFailed);
          }};
  if (!MpiSession::launched_by_mpi()) {
    refuse_torchrun();
    int exit_code = kDone;
    run_ranks(
        1, [&](Communicator& comm) { exit_code = body(comm); }, options);
    return exit_code;
  }
  MpiSession session(options);
  try {
    return body(session.world());
  } catch (...) {
    const Failure failure = current_failure();
    if (ending->exchange(true)) std::this_thread::sleep_for(std::chrono::hours(1));  // another thread ends us
    const int rank = session.world().rank();
    // What is wrong with the recipe or the files is wrong on every rank: let rank 0 say it, once. Its abort ends this
    // rank, by a signal that train may have asked to handle.
    std::signal(SIGTERM, SIG_DFL);
    if (rank != 0) std::this_thread::sleep_for(std::chrono::seconds(failure.is_of_all_ranks ? 30 : 3));
    end_within_seconds(failure.exit_code);
    print_failure(fmt::format("rank {}: ", rank), failure);
    std::fflush(stderr);
    session.abort(failure.exit_code);
  }
}

std::vector<std::string> recipe_overrides(const std::vector<std::string>& arguments) {
  std::vector<std::string> overrides;
  for (const std::string& argument : arguments) {
    if (!argument.starts_with("--") || argument.find('=') == std::string::npos)
      fail_usage("'{}' is not understood; overrides of the recipe are --key.sub=value", argument);
    overrides.push_back(argument.substr(2));
  }
  return overrides;
}

std::filesystem::path output_folder(const std::filesystem::path& recipe, const std::string& asked_for) {
  if (!asked_for.empty()) return asked_for;
  return std::filesystem::path("runs") / recipe.stem();
}

int threads_for_rank(int wanted, const Communicator& comm) {
  if (wanted > 0) return wanted;
  // mpirun binds the ranks it starts, not itself: its cores are those that all ranks of the host could have.
  const int mine = usable_cores();
  const int share = std::max(1, usable_cores(::getppid()) / comm.ranks_on_host());
  if (mine < share && comm.rank() == 0 && MpiSession::launched_by_mpi())
    fmt::print(
        stderr,
        "a rank may run on {} core{}, its share of this host is {}: start mpirun with --bind-to none\n", mine,
        mine == 1 ? "" : "s", share);
  return std::min(mine, share);
}

}  // namespace partialfc
