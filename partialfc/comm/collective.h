// What a collective operation is: its kind, its element type, its reduction.
//
// With R ranks and n elements:
//   all_gather      mine (n) -> all (R, n)    all[r] = rank r's mine
//   all_reduce      inout (n)                 inout = the reduction of the ranks' inouts
//   reduce_scatter  all (R, n) -> mine (n)    rank r's mine = the reduction of the ranks' all[r]
//   broadcast       inout (n)                 inout = root's inout
//   barrier                                   none leaves before all have entered
//   open_channel                              an all_gather of the new channel's name
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>

#include "partialfc/base/precision.h"

namespace partialfc {

enum class Collective { kAllGather, kAllReduce, kReduceScatter, kBroadcast, kBarrier, kOpenChannel };
constexpr int kCollectives = 6;
enum class DataType { kByte, kInt64, kFloat32, kFloat64, kBFloat16 };
enum class ReduceOp { kSum, kMax, kMin };

const char* name_of(Collective collective);  // "all_gather", …

// The types of elements that can be sent, and those that can be reduced.
template <class T>
concept Transferable = std::same_as<T, std::byte> || std::same_as<T, int64_t> || std::same_as<T, float> ||
    std::same_as<T, double> || std::same_as<T, BFloat16>;
template <class T>
concept Reducible = Transferable<T> && !std::same_as<T, std::byte>;

template <Transferable T>
constexpr DataType data_type_of() {
  if (std::same_as<T, float>) return DataType::kFloat32;
  if (std::same_as<T, double>) return DataType::kFloat64;
  if (std::same_as<T, BFloat16>) return DataType::kBFloat16;
  return std::same_as<T, int64_t> ? DataType::kInt64 : DataType::kByte;
}
int64_t size_of(DataType type);  // bytes of one element

// One rank's call of an operation, untyped. The buffers are memory of the host or of a device.
struct CollectiveCall {
  Collective collective = Collective::kBarrier;
  const void* send = nullptr;  // null for operations in place
  void* receive = nullptr;
  int64_t count = 0;  // n above
  DataType type = DataType::kByte;
  ReduceOp op = ReduceOp::kSum;
  int root = 0;

  int64_t bytes() const { return count * size_of(type); }  // of n elements
};

// "all_reduce(sum) of 64 float32", "broadcast of 3 int64 from rank 2", "barrier"
std::string describe(const CollectiveCall& call);

// Whether two ranks' calls are the same operation (their buffers aside).
bool same_operation(const CollectiveCall& a, const CollectiveCall& b);

}  // namespace partialfc
