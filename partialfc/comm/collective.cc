#include "partialfc/comm/collective.h"

#include <algorithm>

#include "partialfc/base/error.h"

namespace partialfc {
namespace {

const char* name_of(DataType type) {
  switch (type) {
    case DataType::kByte:
      return "byte";
    case DataType::kInt64:
      return "int64";
    case DataType::kFloat32:
      return "float32";
    case DataType::kFloat64:
      return "float64";
  }
  return "?";
}

const char* name_of(ReduceOp op) {
  switch (op) {
    case ReduceOp::kSum:
      return "sum";
    case ReduceOp::kMax:
      return "max";
    case ReduceOp::kMin:
      return "min";
  }
  return "?";
}

bool reduces(Collective collective) {
  return collective == Collective::kAllReduce || collective == Collective::kReduceScatter;
}

template <Reducible T>
void combine_typed(void* accumulator, const void* values, int64_t count, ReduceOp op) {
  T* to = static_cast<T*>(accumulator);
  const T* from = static_cast<const T*>(values);
  switch (op) {
    case ReduceOp::kSum:
      for (int64_t i = 0; i < count; ++i) to[i] += from[i];
      break;
    case ReduceOp::kMax:
      for (int64_t i = 0; i < count; ++i) to[i] = std::max(to[i], from[i]);
      break;
    case ReduceOp::kMin:
      for (int64_t i = 0; i < count; ++i) to[i] = std::min(to[i], from[i]);
      break;
  }
}

}  // namespace

const char* name_of(Collective collective) {
  switch (collective) {
    case Collective::kAllGather:
      return "all_gather";
    case Collective::kAllReduce:
      return "all_reduce";
    case Collective::kReduceScatter:
      return "reduce_scatter";
    case Collective::kBroadcast:
      return "broadcast";
    case Collective::kBarrier:
      return "barrier";
    case Collective::kOpenChannel:
      return "open_channel";
  }
  return "?";
}

int64_t size_of(DataType type) {
  switch (type) {
    case DataType::kByte:
      return 1;
    case DataType::kFloat32:
      return 4;
    case DataType::kInt64:
    case DataType::kFloat64:
      return 8;
  }
  return 0;
}

std::string describe(const CollectiveCall& call) {
  std::string text = name_of(call.collective);
  if (call.collective == Collective::kBarrier || call.collective == Collective::kOpenChannel) {
    return text;
  }
  if (reduces(call.collective)) text += fmt::format("({})", name_of(call.op));
  text += fmt::format(" of {} {}", call.count, name_of(call.type));
  if (call.collective == Collective::kBroadcast) text += fmt::format(" from rank {}", call.root);
  return text;
}

bool same_operation(const CollectiveCall& a, const CollectiveCall& b) {
  return a.collective == b.collective && a.count == b.count && a.type == b.type && a.op == b.op &&
         a.root == b.root;
}

void combine(void* accumulator, const void* values, int64_t count, DataType type, ReduceOp op) {
  switch (type) {
    case DataType::kByte:
      PFC_CHECK(type != DataType::kByte, "bytes cannot be reduced");
      break;
    case DataType::kInt64:
      return combine_typed<int64_t>(accumulator, values, count, op);
    case DataType::kFloat32:
      return combine_typed<float>(accumulator, values, count, op);
    case DataType::kFloat64:
      return combine_typed<double>(accumulator, values, count, op);
  }
}

}  // namespace partialfc
