#include "partialfc/base/cores.h"

#include <sched.h>

#include <algorithm>
#include <thread>

namespace partialfc {

int usable_cores() { return usable_cores(0); }

int usable_cores(pid_t process) {
  cpu_set_t cores;
  if (::sched_getaffinity(process, sizeof cores, &cores) == 0) return CPU_COUNT(&cores);
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));  // more than fit into the set
}

}  // namespace partialfc
