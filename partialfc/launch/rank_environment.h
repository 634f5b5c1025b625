// What ranks are started with, on this host and on others: the program, its variables, and what they need there.
#pragma once

#include <string>
#include <vector>

#include "partialfc/launch/ssh_check.h"

namespace partialfc {

// Set by launch --max-restarts, to the same value for all starts of the ranks: by it a train that is started again knows
// what the starts before it have saved.
constexpr const char* kLaunchVariable = "PARTIALFC_LAUNCH";
std::string new_launch_id();

std::string variable_or_empty(const char* name);  // of the environment

// The path of the program that this process runs.
std::string own_program();

// The variables of the ranks, NAME or NAME=VALUE: those of this process that they are always given, then `asked_for`, as -x
// has it. Throws UsageError for what is no name of a variable, or is not set here and has no value.
std::vector<std::string> rank_environment(const std::vector<std::string>& asked_for = {});

// What `program` needs on another host, with these variables. version: as its --version prints it; empty: any.
HostNeeds host_needs(const std::string& program, const std::string& version,
                     const std::vector<std::string>& environment);

}  // namespace partialfc
