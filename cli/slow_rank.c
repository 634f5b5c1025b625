// For mpirun_test.cc, preloaded into a rank: each all_gather, of which a step has one, begins 200 ms late.
#include <mpi.h>
#include <time.h>

int MPI_Iallgather(const void* sent, int sent_count, MPI_Datatype sent_type, void* received, int received_count,
                   MPI_Datatype received_type, MPI_Comm communicator, MPI_Request* request) {
  const struct timespec late = {0, 200000000};
  nanosleep(&late, NULL);
  return PMPI_Iallgather(sent, sent_count, sent_type, received, received_count, received_type, communicator, request);
}
