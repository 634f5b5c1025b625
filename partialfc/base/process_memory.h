// Memory of this process and of the machine, as Linux tells it, in bytes.
#pragma once

#include <cstdint>

namespace partialfc {

int64_t peak_memory();      // the most that has been resident in this process so far
int64_t resident_memory();  // of this process, now
int64_t own_memory();  // of that, what is no file's: libraries are shared, and their pages can be had back
// What new work can have without swapping: of the machine or, where that is less, of this process's control group.
int64_t available_memory();

}  // namespace partialfc
