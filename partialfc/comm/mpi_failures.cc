// What a rank says, under mpirun, when another one does not arrive: mpirun -np R mpi_failures MODE [RANK], where RANK
// alone says it, and rank 1
//   sleep   computes for ever      stop    is stopped by a signal
//   die     is killed by a signal
//   throw   throws                 leave   throws with no one to catch it before the session ends
//   end     ends too early         other   calls another operation
//   keep    computes for ever, while the others give up a reduce_scatter and tell whether what MPI fills is still there
// and, with heartbeats every rank must give within two seconds,
//   freeze  is stopped by a signal while the others wait
//   desert  is stopped by a signal while the others compute for ever
//   slow    computes three times as long as that
//   hang    is in one MPI call for twice as long; the others would notice after a minute
//   tangle  waits on one channel while the others wait on another, until a time-out of six seconds
// The test looks for the message in the output; that mpirun ends soon shows that the peers were ended.
#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <fmt/core.h>
#include <mpi.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "partialfc/comm/mpi.h"

namespace {

std::atomic<bool> barriers_hang = false;
std::atomic<void*> filled_by_alltoall = nullptr;

}  // namespace

// MPI's own is PMPI_Ibarrier.
int MPI_Ibarrier(MPI_Comm communicator, MPI_Request* request) {
  if (barriers_hang) std::this_thread::sleep_for(std::chrono::seconds(4));
  return PMPI_Ibarrier(communicator, request);
}

int MPI_Ialltoall(const void* sent, int sent_count, MPI_Datatype sent_type, void* received,
                  int received_count, MPI_Datatype received_type, MPI_Comm communicator,
                  MPI_Request* request) {
  filled_by_alltoall = received;
  return PMPI_Ialltoall(sent, sent_count, sent_type, received, received_count, received_type, communicator,
                        request);
}

namespace partialfc {
namespace {

// Whether these pages belong to the process.
bool are_mapped(void* memory, size_t bytes) {
  const size_t page = ::sysconf(_SC_PAGESIZE), begin = reinterpret_cast<size_t>(memory) / page * page;
  std::vector<unsigned char> resident(bytes / page + 2);
  return ::mincore(reinterpret_cast<void*>(begin), bytes, resident.data()) == 0;
}

constexpr int64_t kPart = int64_t{16}
                          << 20;  // floats: too many for memory that malloc keeps when it is freed

void misbehave(Communicator& head, const std::string& mode) {
  if (mode == "sleep" || mode == "keep") std::this_thread::sleep_for(std::chrono::minutes(5));
  if (mode == "stop" || mode == "freeze" || mode == "desert") ::raise(SIGSTOP);
  if (mode == "slow") {
    std::this_thread::sleep_for(std::chrono::seconds(6));
    head.barrier().wait();
    fmt::print(stderr, "rank 1 is here at last\n");
  }
  if (mode == "die") ::raise(SIGKILL);
  if (mode == "throw" || mode == "leave") fail("rank 1 ran out of luck");
  if (mode == "other") head.barrier().wait();
}

void run(MpiSession& session, const std::string& mode) {
  const auto head = session.world().open_channel("head");
  const auto gradients = session.world().open_channel("gradients");
  std::vector<float> values(64);
  for (int step = 0; step < 16; ++step) head->all_reduce<float>(values).wait();
  if (head->rank() == 1 && mode == "tangle") return gradients->barrier().wait();
  if (head->rank() == 1 && mode == "hang") {
    barriers_hang = true;
    return gradients->barrier().wait();
  }
  if (head->rank() == 1) return misbehave(*head, mode);
  if (mode == "slow") return head->barrier().wait();
  if (mode == "keep") {
    const std::vector<float> all(kPart * head->size());
    std::vector<float> mine(kPart);
    return head->reduce_scatter<float>(all, mine).wait();
  }
  if (mode == "desert") std::this_thread::sleep_for(std::chrono::minutes(5));
  head->all_reduce<float>(values).wait();
}

// As a program should: the reason on one line, then the end of all ranks.
void run_and_abort(MpiSession& session, const std::string& mode, int only_speaker) {
  try {
    run(session, mode);
  } catch (const std::exception& error) {
    const int rank = session.world().rank();
    if (only_speaker >= 0 && rank != only_speaker) std::this_thread::sleep_for(std::chrono::minutes(5));
    fmt::print(stderr, "rank {}: {}\n", rank, error.what());
    session.abort(3);
  }
}

Communicator::Options options_for(const std::string& mode) {
  const auto say = [](const std::string& text) { fmt::print(stderr, "{}\n", text); };
  const auto die = [](const std::string& why) {
    fmt::print(stderr, "ends at once: {}\n", why);
    ::_exit(3);
  };
  using std::chrono::seconds;
  if (mode == "tangle") return {.timeout = seconds(6), .on_long_wait = say};
  // Where the peers are to be ended, not to give up: more than the test's own time limit.
  if (mode == "hang") {
    const bool hangs = std::string(std::getenv("OMPI_COMM_WORLD_RANK")) == "1";
    return {.timeout = seconds(300), .heartbeat = seconds(hangs ? 2 : 60)};
  }
  if (mode == "freeze") return {.timeout = seconds(300), .heartbeat = seconds(2)};
  if (mode == "desert" || mode == "slow")
    return {.timeout = seconds(300), .heartbeat = seconds(2), .on_long_wait = say, .on_lost = die};
  return {.timeout = seconds(mode == "throw" || mode == "leave" || mode == "die" ? 300 : 3)};
}

}  // namespace
}  // namespace partialfc

int main(int argc, char** arguments) {
  const std::string mode = arguments[1];
  const int only_speaker = argc > 2 ? std::stoi(arguments[2]) : -1;
  try {
    partialfc::MpiSession session(partialfc::options_for(mode));
    if (mode == "leave" || mode == "keep")
      partialfc::run(session, mode);
    else
      partialfc::run_and_abort(session, mode, only_speaker);
  } catch (const std::exception& error) {
    fmt::print(stderr, "left the session: {}\n", error.what());
    if (mode == "keep") {
      const bool is_there = partialfc::are_mapped(filled_by_alltoall, partialfc::kPart * sizeof(float));
      fmt::print(stderr, "what MPI fills is {}\n", is_there ? "still there" : "gone");
    }
    return 3;
  }
}
