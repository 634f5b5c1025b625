// Element types and reductions, as MPI knows them. MPI has no bfloat16: type and reductions are made here. Used under
// the engine's lock. Internal to comm/.
#pragma once

#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include <array>

#include "partialfc/comm/collective.h"

namespace partialfc {

class MpiTypes {
 public:
  MpiTypes();
  void free();

  MPI_Datatype of(DataType type) const;
  MPI_Op of(ReduceOp op, DataType type) const;

 private:
  MPI_Datatype bfloat16_ = MPI_DATATYPE_NULL;
  std::array<MPI_Op, 3> reduce_bfloat16_{};  // by ReduceOp
};

}  // namespace partialfc
