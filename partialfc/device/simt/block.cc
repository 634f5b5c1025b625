#include "partialfc/device/simt/block.h"

#include <bit>
#include <memory>

#include "partialfc/base/error.h"
#include "partialfc/device/simt/sanitizers.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace partialfc::simt {
namespace {

Block* block = nullptr;  // the one that runs

struct Cancelled {};  // thrown through threads that wait when another has failed

// The fibers of the program, never given back. Those that have nothing to do: the last one used is taken first, since
// its stack is in the cache. For ThreadSanitizer each thread of a block has a strand of its own (Block::strand_of),
// and with it a stack: one that two strands write would be a race.
class Fibers {
 public:
  // Makes those that are for ThreadSanitizer; a strand takes it 0.3 ms.
  void prepare(int strands, Fiber::Body body) {
    for (int i = static_cast<int>(strands_.size()); i < strands; ++i) {
      strands_.push_back(create_strand());
      all_.emplace_back(new Fiber(body));
    }
  }
  Fiber* take(int strand, Fiber::Body body) {
    if (kThreadSanitizer) return all_[static_cast<size_t>(strand)].get();
    if (idle_.empty()) return all_.emplace_back(new Fiber(body)).get();
    Fiber* const fiber = idle_.back();
    idle_.pop_back();
    return fiber;
  }
  void give_back(Fiber* fiber) {
    if (!kThreadSanitizer) idle_.push_back(fiber);
  }
  void* strand(int strand) const { return strands_[static_cast<size_t>(strand)]; }

 private:
  std::vector<std::unique_ptr<Fiber>> all_;
  std::vector<Fiber*> idle_;
  std::vector<void*> strands_;
};
Fibers& fibers() {
  static Fibers& fibers = *new Fibers;
  return fibers;
}

}  // namespace

unsigned Order::below(unsigned n) {  // splitmix64
  uint64_t z = state_ += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return static_cast<unsigned>((z ^ z >> 31) % n);
}

Block::Block(dim3 size, const std::function<void()>& kernel, Order& order) : kernel_(kernel), order_(order) {
  threads_.resize(size_t{size.x} * size.y * size.z);
  warps_.resize((threads_.size() + 31) / 32);
  for (size_t i = 0; i < threads_.size(); ++i) {
    const auto number = static_cast<unsigned>(i);
    threads_[i].number = static_cast<int>(i);
    threads_[i].index = {number % size.x, number / size.x % size.y, number / (size.x * size.y)};
  }
  if (kThreadSanitizer) fibers().prepare(static_cast<int>(threads_.size()) + 1, live);
}

void Block::run(uint64_t turn, uint64_t turns) {
  block = this;
  turn_ = turn, turns_ = turns;
  alive_ = static_cast<int>(threads_.size());
  at_barrier_ = 0;
  votes_ = {};
  first_ready_ = ready_count_ = 0;
  for (int warp = 0; Warp & w : warps_) {
    const int lanes = std::min(alive_ - 32 * warp++, 32);
    w.begin(lanes == 32 ? ~0u : (1u << lanes) - 1);
  }
  for (Thread& thread : threads_) {
    thread.fiber = nullptr;
    make_ready(thread);
    thread.state = Thread::State::kNew;
  }
  caller_strand_ = current_strand();
  if (turn == 0) release(&begin_);
  dispatch(caller_);
  if (alive_ > 0 && error_.empty()) error_ = deadlock();
  if (!error_.empty()) cancel();
  if (turn == turns - 1 || !error_.empty()) acquire(&end_);
  block = nullptr;
  if (!error_.empty()) throw Error(error_);
}

// A fiber's life: threads, one after the other. Between two it is idle, unless it is given the next at once.
void Block::live(Fiber& fiber) {
  for (;;) {
    block->run_thread();
    fibers().give_back(&fiber);
    block->dispatch(fiber);
  }
}

// Blocks of a launch are not ordered, so threads of one number must not share a strand: it is another in each of two
// blocks that follow each other. There is one strand more than threads; so the first two blocks run all, and the last
// two.
int Block::strand_of(const Thread& thread) const {
  return static_cast<int>((static_cast<uint64_t>(thread.number) + turn_) % (threads_.size() + 1));
}

void Block::run_thread() {
  if (turn_ < 2) acquire(&begin_);
  try {
    kernel_();
  } catch (const Cancelled&) {
  } catch (const std::exception& error) {
    record(error.what());
  } catch (...) {
    record("what was thrown is no std::exception");
  }
  if (turn_ + 2 >= turns_ || !error_.empty()) release(&end_);
  end_thread();
}

void Block::end_thread() {
  running_->state = Thread::State::kEnded;
  running_->fiber = nullptr;
  --alive_;
  if (!error_.empty()) return;
  Warp& warp = warps_[running_->number / 32];
  warp.end(running_->number % 32);
  finish_collectives(warp);
  // As on devices since sm_70, a barrier waits for the threads that have not ended.
  if (at_barrier_ > 0 && at_barrier_ == alive_) open_barrier();
}

// Goes on with the next thread; with the caller of run() when none is ready.
void Block::dispatch(Fiber& fiber) {
  Fiber* next = &caller_;
  void* next_strand = caller_strand_;
  if (ready_count_ > 0) {
    running_ = &next_thread();
    threadIdx = running_->index;
    if (running_->fiber == nullptr) running_->fiber = fibers().take(strand_of(*running_), live);
    next = running_->fiber;
    if (kThreadSanitizer) next_strand = fibers().strand(strand_of(*running_));
  }
  switch_strand(next_strand);
  if (next != &fiber) fiber.switch_to(*next);
}

void Block::suspend() {
  dispatch(*running_->fiber);
  if (cancelled_) throw Cancelled();
}

void Block::make_ready(Thread& thread) {
  thread.state = Thread::State::kReady;
  ready_[(first_ready_ + ready_count_++) % kMaxThreads] = static_cast<uint16_t>(thread.number);
}

Thread& Block::next_thread() {
  const auto at = [&](unsigned i) -> uint16_t& { return ready_[(first_ready_ + i) % kMaxThreads]; };
  --ready_count_;
  if (order_.backwards()) return threads_[at(ready_count_)];
  if (order_.random()) std::swap(at(0), at(order_.below(ready_count_ + 1)));
  Thread& thread = threads_[at(0)];
  ++first_ready_;
  return thread;
}

void Block::open_barrier() {
  at_barrier_ = 0, ++generation_;
  result_ = votes_, votes_ = {};
  for (Thread& thread : threads_)
    if (thread.state == Thread::State::kAtBarrier) make_ready(thread);
}

void Block::finish_collectives(Warp& warp) {
  const ptrdiff_t first = 32 * (&warp - warps_.data());
  while (unsigned lanes = warp.finished())
    for (; lanes != 0; lanes &= lanes - 1) make_ready(threads_[first + std::countr_zero(lanes)]);
}

void Block::record(const char* what) {
  if (!error_.empty()) return;
  const uint3 i = running_->index;
  error_ = fmt::format("thread ({}, {}, {}): {}", i.x, i.y, i.z, what);
  ready_count_ = 0;  // so that the next to run is the caller of run(), which cancels the others
}

// Unwinds the threads that are in the middle of something.
void Block::cancel() {
  cancelled_ = true;
  first_ready_ = ready_count_ = 0;
  for (Thread& thread : threads_)
    if (thread.fiber != nullptr) make_ready(thread);
  dispatch(caller_);
}

std::string Block::deadlock() const {
  std::string all = "deadlock:";
  if (at_barrier_ > 0)
    all += fmt::format(" {} of {} threads wait at the barrier of {};", at_barrier_, alive_, text(barrier_));
  for (int number = 0; const Warp& warp : warps_) {
    const std::string waiting = warp.waiting();
    if (!waiting.empty()) all += fmt::format(" of warp {} {};", number, waiting);
    ++number;
  }
  all.pop_back();
  return all;
}

// Flat, so that one return only comes after the switch (fiber.h).
[[gnu::flatten]] Votes wait_at_barrier(bool vote, const Where& where) {
  Block& b = *block;
  if (b.at_barrier_ == 0)
    b.barrier_ = where;
  else if (!same_place(b.barrier_, where))
    fail("divergent barriers: this thread is at {}, others of its block are at {}", text(where),
         text(b.barrier_));
  void* const passed = &b.passed_[b.generation_ % 2];
  release(passed);
  b.votes_.yes += vote, ++b.votes_.all;
  b.running_->state = Thread::State::kAtBarrier;
  if (++b.at_barrier_ == b.alive_) b.open_barrier();
  b.suspend();
  acquire(passed);
  return b.result_;
}

[[gnu::flatten]] uint64_t join_collective(const Collective& collective, unsigned mask, uint64_t in, int from,
                                          const Where& where) {
  Block& b = *block;
  Thread& self = *b.running_;
  Warp& warp = b.warps_[self.number / 32];
  const int lane = self.number % 32;
  void* const passed = warp.join(collective, mask, lane, where);
  if (passed != nullptr) release(passed);
  warp.in[lane] = in, warp.from[lane] = static_cast<uint8_t>(from);
  self.state = Thread::State::kInWarp;
  b.finish_collectives(warp);
  b.suspend();
  if (passed != nullptr) acquire(passed);
  return warp.out[lane];
}

}  // namespace partialfc::simt
