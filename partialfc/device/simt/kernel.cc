#include "partialfc/device/simt/kernel.h"

#include <cstdlib>
#include <numeric>
#include <utility>

#include "partialfc/base/error.h"
#include "partialfc/device/simt/block.h"
#include "partialfc/device/simt/machine.h"
#include "partialfc/device/simt/static_shared.h"

namespace partialfc::simt {
namespace {

constexpr int64_t kMaxShared = 227 << 10;

unsigned char* shared_memory = nullptr;

struct Observed {
  Observed(const std::string& kernel, const Memory& memory) {
    if (kernel_observer != nullptr) kernel_observer(&kernel, &memory);
  }
  Observed(const Observed&) = delete;
  ~Observed() {
    if (kernel_observer != nullptr) kernel_observer(nullptr, nullptr);
  }
};

// Exact, so that AddressSanitizer sees its end; aligned as the array that kernels declare.
struct DynamicShared {
  explicit DynamicShared(int64_t bytes) : bytes(static_cast<size_t>(bytes)) {
    void* memory = nullptr;
    if (posix_memalign(&memory, 16, this->bytes) != 0) fail("no memory for {} bytes of shared memory", bytes);
    shared_memory = static_cast<unsigned char*>(memory);
  }
  DynamicShared(const DynamicShared&) = delete;
  ~DynamicShared() { std::free(std::exchange(shared_memory, nullptr)); }
  void fill() const { fill_as_new(shared_memory, bytes); }
  size_t bytes;
};

void check_limits(const Kernel& kernel) {
  const auto refuse = [&]<class Number>(const char* what, Number value, Number most) {
    if (value > most) fail_usage("launch of {}: {} {}, at most {} fit", kernel.name, value, what, most);
  };
  const dim3 &grid = kernel.grid, &block = kernel.block;
  const uint64_t threads = uint64_t{block.x} * block.y * block.z;
  if (threads == 0)
    fail_usage("launch of {}: a block of {} x {} x {} threads", kernel.name, block.x, block.y, block.z);
  refuse("blocks along x", grid.x, 0x7fffffffu);
  refuse("blocks along y", grid.y, 65535u);
  refuse("blocks along z", grid.z, 65535u);
  refuse("threads along z of a block", block.z, 64u);
  refuse("threads a block", threads, uint64_t{kMaxThreads});
  refuse("bytes of dynamic shared memory", kernel.shared, kMaxShared);
}

void run(const Kernel& kernel, const Device& device, Order& order) {
  const Observed observed(kernel.name, device.memory);
  const DynamicShared shared(kernel.shared);
  Block block(kernel.block, kernel.function, order);
  const dim3& grid = kernel.grid;
  gridDim = grid, blockDim = kernel.block;
  const uint64_t count = uint64_t{grid.x} * grid.y * grid.z;
  // By a seed in another order: from a random block on in steps of a number that shares no factor with theirs.
  uint64_t step = 1, next = 0;
  if (order.backwards()) step = count - 1, next = count - 1;
  if (order.random()) {
    do step = 1 + order.below(0x7fffffff);
    while (std::gcd(step, count) != 1);
    next = order.below(static_cast<unsigned>(std::min<uint64_t>(count, ~0u)));
  }
  for (uint64_t i = 0; i < count; ++i, next = (next + step) % count) {
    blockIdx = {static_cast<unsigned>(next % grid.x), static_cast<unsigned>(next / grid.x % grid.y),
                static_cast<unsigned>(next / (uint64_t{grid.x} * grid.y))};
    shared.fill();
    fill_static_shared();
    try {
      block.run(i, count);
    } catch (const Error& error) {
      fail("block ({}, {}, {}), {}", blockIdx.x, blockIdx.y, blockIdx.z, error.what());
    }
  }
}

}  // namespace

void (*kernel_observer)(const std::string*, const Memory*) = nullptr;

unsigned char* dynamic_shared() { return shared_memory; }

void queue(Kernel kernel, runtime::StreamHandle stream) {
  check_limits(kernel);
  Machine& machine = Machine::get();
  const std::lock_guard turn(machine.turn);
  std::string name = "kernel " + kernel.name;
  machine.push(*stream, {.name = std::move(name),
                         .run = [kernel = std::move(kernel), &machine, &device = stream->device] {
                           run(kernel, device, machine.order);
                           return true;
                         }});
}

}  // namespace partialfc::simt
