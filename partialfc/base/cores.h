// The cores that processes may run on: fewer than the machine has where a container, a batch system or mpirun binds them.
#pragma once

#include <sys/types.h>

namespace partialfc {

// Of this process, at least 1.
int usable_cores();
// Of another one.
int usable_cores(pid_t process);

}  // namespace partialfc
