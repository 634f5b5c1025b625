// partialfc: one program, a subcommand for each job.
#include <fmt/format.h>

#include "cli/command.h"

int main(int argc, char** argv) {
  using namespace partialfc;
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
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kWrongUsage;
  }
  return report_errors(action);
}
