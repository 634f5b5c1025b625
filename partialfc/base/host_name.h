// The name of this machine.
#pragma once

#include <string>

namespace partialfc {

std::string host_name();

}  // namespace partialfc
