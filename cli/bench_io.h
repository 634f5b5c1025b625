// bench io: which part of the input bounds a run.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/command.h"

namespace partialfc {

void add_bench_io_command(CLI::App* bench, Action& action);

}  // namespace partialfc
