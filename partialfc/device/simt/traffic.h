// What kernels load from device memory and store there, counted: how many bytes a kernel moves is a fact that needs no GPU.
//
// Kernels are compiled with ThreadSanitizer's instrumentation and linked with traffic.cc in place of its library
// (partialfc_kernel_test(… TRAFFIC)). Counted is what the compiler left of a kernel's loads and stores, by their width; an
// atomic function counts as a load and a store. Shared memory and stacks do not count, nor does what a cache would save.
//
//     Traffic traffic;
//     scale(x, 2, y, stream);
//     stream.synchronize();
//     traffic.of("scale").loaded_bytes;      // 4 · x.size
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace partialfc::simt {

class Traffic {
 public:
  struct Counts {
    int64_t launches = 0, loaded_bytes = 0, stored_bytes = 0;
  };

  Traffic();  // counts kernels that run from now on; one object at a time
  Traffic(const Traffic&) = delete;
  ~Traffic();

  // By the name that launch() was given; all zero for one that did not run.
  Counts of(const std::string& kernel) const;

 private:
  friend struct TrafficHooks;
  std::map<std::string, Counts> counts_;
};

}  // namespace partialfc::simt
