#include "partialfc/comm/collective.h"

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
    case DataType::kBFloat16:
      return "bfloat16";
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
    case DataType::kBFloat16:
      return 2;
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

}  // namespace partialfc
