// The training data in the memory of each host: data.cache = "ram".
#pragma once

#include <atomic>
#include <filesystem>

#include "partialfc/comm/communicator.h"
#include "partialfc/data/ram_cache.h"

namespace partialfc {

// Collective. The copy of the set at `path` that all ranks of this host read; one of them makes it, however long that
// takes. Throws Error where it is no .rec set, where there is no room, and where `stop` (may be null) was set before the
// copy was whole.
CachedCopy cache_data(const std::filesystem::path& path, const std::filesystem::path& cache_folder,
                      Communicator& world, const std::atomic<bool>* stop);

}  // namespace partialfc
