// Short messages between ranks, on an MPI communicator of their own: questions and answers about how far a rank is,
// signs of life, and the word that a rank is lost. Sending never waits. Used under the engine's lock. Internal to
// comm/.
#pragma once

#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include <list>
#include <optional>
#include <string>

namespace partialfc {

// Throws Error with MPI's reason unless `code` is MPI_SUCCESS.
void check_mpi(int code, const char* function);

class MpiStatus {
 public:
  // A message's kind is its MPI tag.
  enum class Kind {
    kQuestion,  // how far are you?
    kAnswer,
    kBeat,      // the sender's progress thread is alive
    kLongWait,  // the sender has waited for long
    kLost,      // a rank is lost: why, in words
  };
  struct Message {
    Kind kind;
    int from;
    std::string bytes;
  };

  MpiStatus();  // collective
  void free();  // collective

  MPI_Comm communicator() const { return communicator_; }
  void send(int rank, Kind kind, std::string bytes);
  // Forgets the messages that have left.
  void retire_sent();
  bool is_sending_to(int rank) const;
  // The next message that has arrived.
  std::optional<Message> receive();

 private:
  struct Sent {
    int to;
    std::string bytes;
    MPI_Request request = MPI_REQUEST_NULL;
  };

  MPI_Comm communicator_ = MPI_COMM_NULL;
  std::list<Sent> sent_;  // those that have not left, and more
};

}  // namespace partialfc
