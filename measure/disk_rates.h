// How fast encoded images come from the file that holds them.
#pragma once

#include <filesystem>
#include <memory>

#include "measure/io_rate.h"
#include "partialfc/data/loader.h"

namespace partialfc {

// With nothing of the file in the system's cache.
struct DiskRates {
  IoRate in_order;  // as training takes them, on all threads
  IoRate forward;   // record after record
  IoRate bare;      // the file in large pieces, as dd reads it; its bytes alone
};

// Whether the file lies in memory: it cannot be taken out of there.
bool is_in_memory(const std::filesystem::path& rec);

// `source` reads `rec`. Order and threads are those of `loader`; each rate takes about `seconds`, an order by shards two
// windows.
DiskRates measure_disk(const std::filesystem::path& rec, const std::shared_ptr<const ImageSource>& source,
                       const LoaderOptions& loader, double seconds);

// Images 0 … size − 1 of `source` in turn, on so many threads, over and over until `seconds` are over: of a source in the
// system's cache.
IoRate measure_memory(const std::shared_ptr<const ImageSource>& source, int threads, double seconds);

}  // namespace partialfc
