#include "trainer/data_cache.h"

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <thread>

#include "partialfc/base/error.h"
#include "partialfc/base/task_threads.h"
#include "partialfc/data/image_source.h"

namespace partialfc {

namespace {

constexpr std::chrono::milliseconds kPause(20);

std::filesystem::path record_file(const std::filesystem::path& path) {
  const std::filesystem::path rec = find_record_file(path);
  if (rec.empty())
    fail_usage(
        "{}: data.cache = 'ram' keeps a .rec file in memory, and this is none: "
        "make one with `partialfc pack {} OUT`, or take data.cache = 'none'",
        path.string(), path.string());
  return rec;
}

// Told by the rank that makes the copy, whichever that is: one line every tenth.
class ToldTenths {
 public:
  explicit ToldTenths(std::filesystem::path rec) : rec_(std::move(rec)) {}
  void show(uint64_t done, uint64_t total) {
    if (done == 0 || 10 * done < next_ * total) return;
    fmt::print(stderr, "copying {} into memory: {:.0f} % of {:.3f} GB\n", rec_.string(),
               100.0 * static_cast<double>(done) / static_cast<double>(total),
               static_cast<double>(total) * 1e-9);
    next_ = 10 * done / total + 1;
  }

 private:
  std::filesystem::path rec_;
  uint64_t next_ = 1;
};

}  // namespace

// Another thread copies, or waits for the one that does, while this one tells the others that it is still there: a wait of
// theirs would run into the time-out.
CachedCopy cache_data(const std::filesystem::path& path, const std::filesystem::path& cache_folder,
                      Communicator& world, const std::atomic<bool>* stop) {
  const std::filesystem::path rec = record_file(path);
  std::optional<CachedCopy> copy;
  std::atomic<bool> done = false, given_up = false;
  ToldTenths told(rec);
  TaskThreads copying(1);
  copying.add(TaskThreads::Order::kInTurn, [&] {
    copy.emplace(RamCache(cache_folder).open(rec, [&](uint64_t bytes, uint64_t total) {
      if (given_up) fail("{}: the copy was given up", rec.string());
      if (stop != nullptr && *stop)
        fail("{}: asked to stop while it was copied; nothing was trained", rec.string());
      told.show(bytes, total);
    }));
    done = true;
  });
  try {
    for (int64_t waiting = 1; waiting > 0;) {
      copying.throw_error_if_any();
      std::this_thread::sleep_for(kPause);
      waiting = done ? 0 : 1;
      world.all_reduce(std::span<int64_t>(&waiting, 1), ReduceOp::kMax).wait();
    }
  } catch (...) {
    given_up = true;
    throw;
  }
  return std::move(*copy);
}

}  // namespace partialfc
