#include "partialfc/comm/mpi_status.h"

#include <algorithm>

#include "partialfc/base/error.h"

namespace partialfc {

void check_mpi(int code, const char* function) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  fail("{} failed: {}", function, std::string(text, length));
}

MpiStatus::MpiStatus() { check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &communicator_), "MPI_Comm_dup"); }

void MpiStatus::free() { MPI_Comm_free(&communicator_); }

void MpiStatus::send(int rank, Kind kind, std::string bytes) {
  Sent& sent = sent_.emplace_back(Sent{rank, std::move(bytes)});
  check_mpi(MPI_Isend(sent.bytes.data(), static_cast<int>(sent.bytes.size()), MPI_BYTE, rank,
                      static_cast<int>(kind), communicator_, &sent.request),
            "MPI_Isend");
}

void MpiStatus::retire_sent() {
  std::erase_if(sent_, [](Sent& sent) {
    int done = 0;
    check_mpi(MPI_Test(&sent.request, &done, MPI_STATUS_IGNORE), "MPI_Test");
    return done != 0;
  });
}

bool MpiStatus::is_sending_to(int rank) const {
  return std::any_of(sent_.begin(), sent_.end(), [&](const Sent& sent) { return sent.to == rank; });
}

std::optional<MpiStatus::Message> MpiStatus::receive() {
  int arrived = 0;
  MPI_Status status{};
  check_mpi(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, communicator_, &arrived, &status), "MPI_Iprobe");
  if (!arrived) return std::nullopt;
  int bytes = 0;
  check_mpi(MPI_Get_count(&status, MPI_BYTE, &bytes), "MPI_Get_count");
  Message message{static_cast<Kind>(status.MPI_TAG), status.MPI_SOURCE, std::string(bytes, '\0')};
  check_mpi(MPI_Recv(message.bytes.data(), bytes, MPI_BYTE, status.MPI_SOURCE, status.MPI_TAG, communicator_,
                     MPI_STATUS_IGNORE),
            "MPI_Recv");
  return message;
}

}  // namespace partialfc
