// How launch() of partialfc/device/launch.h queues a kernel in the simulator.
#pragma once

#include <functional>
#include <string>
#include <type_traits>

#include "partialfc/device/runtime.h"
#include "partialfc/device/simt/types.h"

namespace partialfc::simt {

struct Kernel {
  std::string name;
  dim3 grid, block;
  int64_t shared = 0;              // bytes of dynamic shared memory
  std::function<void()> function;  // what each thread does
};

// Throws UsageError for what no device takes: too many threads or blocks, too much shared memory.
void queue(Kernel kernel, runtime::StreamHandle stream);

template <class... Parameters>
void launch(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block, int64_t shared,
            runtime::StreamHandle stream, std::type_identity_t<Parameters>... arguments) {
  static_assert((std::is_trivially_copyable_v<Parameters> && ...) && (sizeof(Parameters) + ... + 0) <= 4096);
  queue({name, grid, block, shared, [=] { kernel(arguments...); }}, stream);
}

// The dynamic shared memory of the block that runs.
unsigned char* dynamic_shared();

// Told of each kernel that begins and of its device's memory, and of its end by nulls. Null: nobody wants to know.
class Memory;
extern void (*kernel_observer)(const std::string* name, const Memory* memory);

}  // namespace partialfc::simt
