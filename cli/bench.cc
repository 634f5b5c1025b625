// partialfc bench: what the head and the input cost on this machine.
#include "cli/bench.h"

namespace partialfc {

void add_head_shape_options(CLI::App* command, int64_t& batch, int64_t& dim, int64_t& steps, int& threads,
                            std::string& precision) {
  command->add_option("--batch", batch, "Samples in a step, over all ranks (N)")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 20));
  command->add_option("--dim", dim, "Size of an embedding (D)")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 16));
  command->add_option("--precision", precision, "fp32 or bf16: of products and stored centers")
      ->capture_default_str()
      ->check(CLI::IsMember({"fp32", "bf16"}));
  command->add_option("--threads", threads, "Threads of a rank; 0: cores / ranks on the host")
      ->capture_default_str()
      ->check(CLI::Range(0, 4096));
  command->add_option("--steps", steps, "Steps that are measured")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
}

void add_bench_command(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("bench", "Measure the head, or the input, on this machine");
  command->require_subcommand(1);
  add_bench_head_command(command, action);
  add_bench_sweep_command(command, action);
  add_bench_loss_command(command, action);
  add_bench_io_command(command, action);
}

}  // namespace partialfc
