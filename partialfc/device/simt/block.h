// The threads of one block: which of them runs, and where they wait for each other.
//
// A thread runs until it waits; then the next one does, on a fiber of its own if it is in the middle of something.
// Threads that never wait run one after the other on one fiber, without a switch. Warps are not in lockstep: what a
// missing __syncwarp leaves unordered comes out unordered under some seed.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "partialfc/device/simt/fiber.h"
#include "partialfc/device/simt/intrinsics.h"
#include "partialfc/device/simt/types.h"
#include "partialfc/device/simt/warp.h"

namespace partialfc::simt {

constexpr int kMaxThreads = 1024;  // of a block

// The order in which threads, blocks and streams have their turn, where they are free to choose.
class Order {
 public:
  explicit Order(uint64_t seed) : seed_(seed), state_(seed) {}
  bool backwards() const { return seed_ == 1; }
  bool random() const { return seed_ > 1; }
  unsigned below(unsigned n);  // random

 private:
  uint64_t seed_, state_;
};

struct Thread {
  uint3 index{};
  int number = 0;          // x first, then y, then z
  Fiber* fiber = nullptr;  // once it has begun
  enum class State : uint8_t { kNew, kReady, kAtBarrier, kInWarp, kEnded } state = State::kNew;
};

class Block {
 public:
  // Threads of size, each of which calls `kernel`.
  Block(dim3 size, const std::function<void()>& kernel, Order& order);
  // The block of a launch that runs as number `turn`, from 0, of so many. Returns when all threads have. Throws Error:
  // what a thread threw, a barrier that some do not come to, …
  void run(uint64_t turn, uint64_t turns);

 private:
  friend Votes wait_at_barrier(bool vote, const Where& where);
  friend uint64_t join_collective(const Collective& collective, unsigned mask, uint64_t in, int from,
                                  const Where& where);

  static void live(Fiber& fiber);
  void run_thread();
  void end_thread();
  void dispatch(Fiber& fiber);
  void suspend();
  void make_ready(Thread& thread);
  Thread& next_thread();
  void open_barrier();
  void finish_collectives(Warp& warp);
  void record(const char* what);
  void cancel();
  std::string deadlock() const;
  int strand_of(const Thread& thread) const;

  const std::function<void()>& kernel_;
  Order& order_;
  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  uint16_t ready_[kMaxThreads];  // a ring
  unsigned first_ready_ = 0, ready_count_ = 0;
  Thread* running_ = nullptr;
  int alive_ = 0, at_barrier_ = 0;
  Votes votes_, result_;
  Where barrier_;
  unsigned generation_ = 0;       // barriers passed
  char begin_, end_, passed_[2];  // addresses that order threads
  uint64_t turn_ = 0, turns_ = 0;
  bool cancelled_ = false;
  std::string error_;
  Fiber caller_;
  void* caller_strand_ = nullptr;
};

}  // namespace partialfc::simt
