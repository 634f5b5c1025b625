// What launch and check start ranks with, on this host and on others.
#pragma once

#include <string>
#include <vector>

#include "partialfc/launch/ssh_check.h"

namespace partialfc {

std::string variable_or_empty(const char* name);  // of the environment

// Set by launch --max-restarts, to the same value for all starts of the ranks.
constexpr const char* kLaunchVariable = "PARTIALFC_LAUNCH";

// This program's path.
std::string own_program();

// What `program` needs on another host; is_ours: it is this program, and has to be of this version there.
HostNeeds host_needs(const std::string& program, bool is_ours);

// Names of the variables of this process that ranks are always given.
std::vector<std::string> exported_environment();

}  // namespace partialfc
