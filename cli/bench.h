// The subcommands of `partialfc bench`, and the options that some of them share.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <string>

#include "cli/command.h"

namespace partialfc {

void add_bench_head_command(CLI::App* bench, Action& action);
void add_bench_sweep_command(CLI::App* bench, Action& action);
void add_bench_loss_command(CLI::App* bench, Action& action);
void add_bench_io_command(CLI::App* bench, Action& action);

// Of head and sweep.
void add_head_shape_options(CLI::App* command, int64_t& batch, int64_t& dim, int64_t& steps, int& threads,
                            std::string& precision);

}  // namespace partialfc
