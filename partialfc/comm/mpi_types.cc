#include "partialfc/comm/mpi_types.h"

#include "partialfc/comm/host_collective.h"
#include "partialfc/comm/mpi_status.h"

namespace partialfc {
namespace {

// An MPI_User_function.
template <ReduceOp kOp>
void reduce_bfloat16(void* values, void* accumulator, int* count, MPI_Datatype*) {
  combine(accumulator, values, *count, DataType::kBFloat16, kOp);
}

MPI_Op make_op(MPI_User_function* function) {
  constexpr int kCommutes = 1;  // to the bit: so MPI may take the algorithms of its own sums
  MPI_Op op = MPI_OP_NULL;
  check_mpi(MPI_Op_create(function, kCommutes, &op), "MPI_Op_create");
  return op;
}

}  // namespace

MpiTypes::MpiTypes()
    : reduce_bfloat16_{make_op(reduce_bfloat16<ReduceOp::kSum>), make_op(reduce_bfloat16<ReduceOp::kMax>),
                       make_op(reduce_bfloat16<ReduceOp::kMin>)} {
  check_mpi(MPI_Type_contiguous(sizeof(BFloat16), MPI_BYTE, &bfloat16_), "MPI_Type_contiguous");
  check_mpi(MPI_Type_commit(&bfloat16_), "MPI_Type_commit");
}

void MpiTypes::free() {
  MPI_Type_free(&bfloat16_);
  for (MPI_Op& op : reduce_bfloat16_) MPI_Op_free(&op);
}

MPI_Datatype MpiTypes::of(DataType type) const {
  switch (type) {
    case DataType::kByte:
      return MPI_BYTE;
    case DataType::kInt64:
      return MPI_INT64_T;
    case DataType::kFloat32:
      return MPI_FLOAT;
    case DataType::kFloat64:
      return MPI_DOUBLE;
    case DataType::kBFloat16:
      return bfloat16_;
  }
  return MPI_DATATYPE_NULL;
}

MPI_Op MpiTypes::of(ReduceOp op, DataType type) const {
  if (type == DataType::kBFloat16) return reduce_bfloat16_[static_cast<size_t>(op)];
  switch (op) {
    case ReduceOp::kSum:
      return MPI_SUM;
    case ReduceOp::kMax:
      return MPI_MAX;
    case ReduceOp::kMin:
      return MPI_MIN;
  }
  return MPI_OP_NULL;
}

}  // namespace partialfc
