// Pieces of a file on their way from the thread that makes them to the thread that writes them, a few at a time.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <utility>

#include "partialfc/base/reserved_memory.h"

namespace partialfc {

class PieceQueue {
 public:
  struct Piece {
    explicit Piece(size_t size) : memory(size, ReservedMemory::Pages::kHuge) {}
    std::span<std::byte> bytes() const { return {memory.data(), memory.size()}; }

    ReservedMemory memory;
  };

  static constexpr size_t kMostPieces = 4;

  bool has_room() {
    std::lock_guard lock(mutex_);
    return stopped_ || pieces_.size() < kMostPieces;
  }
  // Waits for room. Once stopped, drops the piece.
  void push(Piece piece) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped_ || pieces_.size() < kMostPieces; });
    if (!stopped_) pieces_.push_back(std::move(piece));
    changed_.notify_all();
  }
  // Waits for a piece. Once stopped, there is none.
  std::optional<Piece> pop() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped_ || !pieces_.empty(); });
    if (stopped_) return {};
    std::optional<Piece> piece(std::move(pieces_.front()));
    pieces_.pop_front();
    changed_.notify_all();
    return piece;
  }
  // By either side that will not go on: the other waits no more.
  void stop() {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Piece> pieces_;
  bool stopped_ = false;
};

}  // namespace partialfc
