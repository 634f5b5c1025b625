// The part of `partialfc check` about this machine: versions built with and found, controllers and tensor operations
// as `horovodrun --check` lists them, devices, memory, network interfaces.
#pragma once

#include "check/check_list.h"

namespace partialfc {

void check_machine(CheckList& list);

}  // namespace partialfc
