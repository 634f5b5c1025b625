#include "partialfc/base/error.h"
#include "partialfc/base/precision.h"
#include "partialfc/comm/device_reduce.h"
#include "partialfc/device/launch.h"

namespace partialfc {

namespace {

constexpr int kThreads = 256;

template <class T>
__device__ T combined(T a, T b, ReduceOp op) {
  if constexpr (std::is_same_v<T, BFloat16>) {
    return to_bfloat16(combined(to_float(a), to_float(b), op));
  } else {
    if (op == ReduceOp::kSum) return a + b;
    return op == ReduceOp::kMax ? (a < b ? b : a) : (b < a ? b : a);
  }
}

template <class T>
__global__ void reduce(ReducedSources sources, T* out, int64_t n, ReduceOp op) {
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= n) return;
  T result = static_cast<const T*>(sources.sources[0])[i];
  for (int r = 1; r < sources.count; ++r)
    result = combined(result, static_cast<const T*>(sources.sources[r])[i], op);
  out[i] = result;
}

template <class T>
void launch_reduce(const ReducedSources& sources, void* out, int64_t n, ReduceOp op, Stream& stream) {
  launch("reduce_on_device", reduce<T>, static_cast<unsigned>((n + kThreads - 1) / kThreads), kThreads, 0,
         stream, sources, static_cast<T*>(out), n, op);
}

}  // namespace

void reduce_on_device(const ReducedSources& sources, void* out, int64_t n, DataType type, ReduceOp op,
                      Stream& stream) {
  PFC_CHECK(sources.count >= 1 && sources.count <= kMostReduced, "{} vectors to reduce", sources.count);
  switch (type) {
    case DataType::kFloat32:
      return launch_reduce<float>(sources, out, n, op, stream);
    case DataType::kFloat64:
      return launch_reduce<double>(sources, out, n, op, stream);
    case DataType::kInt64:
      return launch_reduce<int64_t>(sources, out, n, op, stream);
    case DataType::kBFloat16:
      return launch_reduce<BFloat16>(sources, out, n, op, stream);
    case DataType::kByte:
      break;
  }
  PFC_CHECK(false, "bytes cannot be reduced");
}

}  // namespace partialfc
