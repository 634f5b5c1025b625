#include "partialfc/head/cpu_forward.h"

namespace partialfc {

void CpuForward::make_places(int64_t budget, int threads) {
  kept_tiles = std::clamp<int64_t>(budget / (threads * place_bytes()), 0, split.most_tiles());
  const auto bytes = static_cast<uint64_t>(threads * (kept_tiles + 1) * place_bytes());
  if (values.size() < bytes) values = ReservedMemory(bytes, ReservedMemory::Pages::kHuge);
}

}  // namespace partialfc
