// partialfc: one program, a subcommand for each job.
#include <malloc.h>

#include <algorithm>

#include "cli/command.h"

namespace {

// Activations are freed and allocated again in every step. glibc gives blocks of their size back to the kernel, which
// then clears each of their pages anew, for a tenth of the step's time; here it is told not to.
void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);
#endif
}

}  // namespace

int main(int argc, char** argv) {
  using namespace partialfc;
  keep_freed_memory();
  CLI::App app(
      "Trains embedding models over millions of classes with a sampled, model-parallel margin softmax.",
      "partialfc");
  app.require_subcommand(1);
  app.set_version_flag("--version", "partialfc " PARTIALFC_VERSION);
  app.get_formatter()->column_width(38);
  Action action;
  add_train_command(app, action);
  add_pack_command(app, action);
  add_verify_command(app, action);
  add_embed_command(app, action);
  add_bench_command(app, action);
  add_cache_command(app, action);
  add_plan_command(app, action);
  add_check_command(app, action);
  std::vector<std::string> launched;
  add_launch_command(app, action, launched);
  std::vector<std::string> arguments(argv + 1, argv + argc);
  launched = take_launched_command(app, arguments);
  std::ranges::reverse(arguments);  // as CLI11 wants them
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kWrongUsage;
  }
  return go_on(action, argv);
}
