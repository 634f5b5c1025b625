#include "partialfc/comm/host_collective.h"

#include <algorithm>
#include <cstring>

#include "partialfc/base/error.h"

namespace partialfc {
namespace {

template <class T>
T add(T a, T b) {
  return a + b;
}
BFloat16 add(BFloat16 a, BFloat16 b) { return to_bfloat16(to_float(a) + to_float(b)); }

template <class T>
bool less(T a, T b) {
  return a < b;
}
bool less(BFloat16 a, BFloat16 b) { return to_float(a) < to_float(b); }

template <Reducible T>
void combine_typed(void* accumulator, const void* values, int64_t count, ReduceOp op) {
  T* to = static_cast<T*>(accumulator);
  const T* from = static_cast<const T*>(values);
  switch (op) {
    case ReduceOp::kSum:
      for (int64_t i = 0; i < count; ++i) to[i] = add(to[i], from[i]);
      break;
    case ReduceOp::kMax:
      for (int64_t i = 0; i < count; ++i) to[i] = less(to[i], from[i]) ? from[i] : to[i];
      break;
    case ReduceOp::kMin:
      for (int64_t i = 0; i < count; ++i) to[i] = less(from[i], to[i]) ? from[i] : to[i];
      break;
  }
}

}  // namespace

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
    case DataType::kBFloat16:
      return combine_typed<BFloat16>(accumulator, values, count, op);
  }
}

void perform(std::span<const CollectiveCall> calls) {
  const CollectiveCall& first = calls[0];
  const int size = static_cast<int>(calls.size());
  const int64_t bytes = first.bytes();
  if (bytes == 0) return;
  const auto sent = [&](int from, int64_t part) {
    return static_cast<const std::byte*>(calls[from].send) + part * bytes;
  };
  const auto received = [&](int to, int64_t part) {
    return static_cast<std::byte*>(calls[to].receive) + part * bytes;
  };
  switch (first.collective) {
    case Collective::kAllGather:
    case Collective::kOpenChannel:
      for (int to = 0; to < size; ++to)
        for (int from = 0; from < size; ++from) std::memcpy(received(to, from), sent(from, 0), bytes);
      break;
    case Collective::kAllReduce:
      for (int r = 1; r < size; ++r)
        combine(first.receive, calls[r].receive, first.count, first.type, first.op);
      for (int r = 1; r < size; ++r) std::memcpy(calls[r].receive, first.receive, bytes);
      break;
    case Collective::kReduceScatter:
      for (int to = 0; to < size; ++to) {
        std::memcpy(calls[to].receive, sent(0, to), bytes);
        for (int from = 1; from < size; ++from)
          combine(calls[to].receive, sent(from, to), first.count, first.type, first.op);
      }
      break;
    case Collective::kBroadcast:
      for (int to = 0; to < size; ++to)
        if (to != first.root) std::memcpy(calls[to].receive, calls[first.root].receive, bytes);
      break;
    case Collective::kBarrier:
      break;
  }
}

}  // namespace partialfc
