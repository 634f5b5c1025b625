#include "measure/disk_rates.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <vector>

#include "partialfc/base/error.h"
#include "partialfc/base/file.h"
#include "partialfc/base/parallel.h"
#include "partialfc/data/record_io.h"
#include "partialfc/data/sample_order.h"
#include "partialfc/data/window_reader.h"

namespace partialfc {

namespace {

constexpr int64_t kTakenAtOnce = 16;  // images that a thread takes from the order
constexpr size_t kPiece = 4 << 20;    // bytes that the bare file is read in
constexpr int kDiskRounds = 3;

// Takes the file out of the system's cache. What is in memory to begin with cannot be.
void forget(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail("{}: cannot open: {}", path.string(), errno_text(errno));
  ::fsync(descriptor);  // only what has been written can be forgotten
  const int code = ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
  ::close(descriptor);
  if (code != 0) fail("{}: cannot take it out of the system's cache: {}", path.string(), errno_text(code));
}

// Reads positions 0 … last − 1 of the order on all threads, until `seconds` are over.
IoRate read_in_order(const std::shared_ptr<const ImageSource>& source, const SampleOrder& order,
                     WindowReader* windows, int64_t last, int threads, double seconds) {
  std::atomic<int64_t> next = 0, images = 0;
  std::atomic<uint64_t> bytes = 0;
  const auto began = IoClock::now();
  ThreadTeam(threads).run([&](int) {
    for (int64_t first; (first = next.fetch_add(kTakenAtOnce)) < last && seconds_since(began) < seconds;) {
      const int64_t end = std::min(first + kTakenAtOnce, last);
      if (windows != nullptr) windows->wait_for(end - 1);
      for (int64_t position = first; position < end; ++position)
        bytes += source->read(order.sample(position)).bytes.size();
      images += end - first;
    }
  });
  return rate_of({images, bytes}, seconds_since(began));
}

// By shards a rate means something over whole windows: two of them, or the epoch.
IoRate disk_in_order(const std::filesystem::path& rec, const std::shared_ptr<const ImageSource>& source,
                     const LoaderOptions& loader, double seconds) {
  const SampleOrder order(source->size(), loader.stream.seed, loader.shuffle, loader.shards);
  forget(rec);
  if (!loader.shuffle || !loader.shards)
    return read_in_order(source, order, nullptr, source->size(), loader.threads, seconds);
  WindowReader windows(source, order, 0, 0);
  const ShardOrder shards = order.shard_order(0);
  int64_t last = 0;
  for (int64_t window = 0; window < std::min<int64_t>(2, shards.windows()); ++window)
    for (const Range shard : shards.shards_of(window)) last += shard.size();
  return read_in_order(source, order, &windows, last, loader.threads, 1e9);
}

IoRate bare_file(const std::filesystem::path& path, double seconds) {
  const InputFile file(path);
  std::vector<std::byte> piece(kPiece);
  forget(path);
  IoCount count;
  const auto began = IoClock::now();
  while (count.bytes < file.size() && seconds_since(began) < seconds)
    count.bytes += file.read_at(count.bytes, piece);
  return rate_of(count, seconds_since(began));
}

IoRate forward(const std::filesystem::path& path, double seconds) {
  RecordReader reader(path);
  std::vector<std::byte> payload;
  forget(path);
  IoCount count;
  const auto began = IoClock::now();
  while (reader.next(payload) && seconds_since(began) < seconds) ++count.images;
  count.bytes = reader.offset();
  return rate_of(count, seconds_since(began));
}

}  // namespace

bool is_in_memory(const std::filesystem::path& path) {
  struct statfs status;
  return ::statfs(path.c_str(), &status) == 0 &&
         (status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC);
}

DiskRates measure_disk(const std::filesystem::path& rec, const std::shared_ptr<const ImageSource>& source,
                       const LoaderOptions& loader, double seconds) {
  DiskRates disk;
  disk.in_order = disk_in_order(rec, source, loader, seconds);
  std::vector<IoRate> forward_rates, bare_rates;
  for (int round = 0; round < kDiskRounds; ++round) {
    bare_rates.push_back(bare_file(rec, seconds / kDiskRounds));
    forward_rates.push_back(forward(rec, seconds / kDiskRounds));
  }
  disk.forward = median_of(forward_rates), disk.bare = median_of(bare_rates);
  return disk;
}

IoRate measure_memory(const std::shared_ptr<const ImageSource>& source, int threads, double seconds) {
  const SampleOrder in_turn(source->size(), 0, false);
  return read_in_order(source, in_turn, nullptr, std::numeric_limits<int64_t>::max() / 2, threads, seconds);
}

}  // namespace partialfc
