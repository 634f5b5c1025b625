#include "cli/bench_sweep.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "cli/command.h"
#include "partialfc/base/error.h"
#include "partialfc/base/process_memory.h"
#include "partialfc/comm/mpi.h"

namespace partialfc {

namespace {

constexpr std::array<int64_t, 10> kClasses = {125'000,   250'000,    500'000,    1'000'000,  2'000'000,
                                              5'000'000, 10'000'000, 20'000'000, 50'000'000, 100'000'000};
constexpr int64_t kFixedSamples = 20'000;
constexpr double kUsableMemory = 0.6;  // share of what is available

// A cell's column: its name, and what bench head is told.
struct Column {
  const char* name;
  double sample_rate;  // 0: kFixedSamples, cold
};
constexpr std::array<Column, 3> kColumns = {{{"r = 1", 1}, {"r = 0.1", 0.1}, {"20,000 active, cold", 0}}};

// This program again, with these arguments. Returns its standard output, or nothing if it failed; its standard error is
// ours.
std::string run_self(const std::vector<std::string>& arguments) {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe");
  std::vector<char*> argv = {const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  int ends[2];
  if (::pipe(ends) != 0) fail("cannot make a pipe: {}", errno_text(errno));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  posix_spawn_file_actions_addclose(&actions, ends[1]);
  pid_t child = -1;
  const int error = ::posix_spawn(&child, program.c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  std::string output;
  if (error == 0) {
    std::array<char, 4096> buffer;
    for (ssize_t n; (n = ::read(ends[0], buffer.data(), buffer.size())) > 0;) output.append(buffer.data(), n);
  }
  ::close(ends[0]);
  if (error != 0) fail("{}: cannot start: {}", program, errno_text(error));
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? output : "";
}

// Centers with momentum, and a step's products.
bool fits(const BenchSweepOptions& options, int64_t classes, double sample_rate) {
  const double numbers = 2.0 * classes * options.dim;
  const double bytes =
      numbers * (options.precision == "bf16" ? 2 : 4) + 4.0 * options.batch * classes * sample_rate;
  return bytes <= kUsableMemory * static_cast<double>(available_memory());
}

// The object that bench head prints; null where it does not fit, false where it failed.
nlohmann::json measure_cell(const BenchSweepOptions& options, int64_t classes, const Column& column) {
  if (column.sample_rate > 0 && !fits(options, classes, column.sample_rate)) return nullptr;
  std::vector<std::string> arguments = {"bench",
                                        "head",
                                        "--json",
                                        "--no-floor",
                                        fmt::format("--classes={}", classes),
                                        fmt::format("--batch={}", options.batch),
                                        fmt::format("--dim={}", options.dim),
                                        fmt::format("--steps={}", options.steps),
                                        fmt::format("--threads={}", options.threads),
                                        fmt::format("--precision={}", options.precision)};
  if (column.sample_rate > 0) {
    arguments.push_back(fmt::format("--sample-rate={}", column.sample_rate));
  } else {
    arguments.push_back(fmt::format("--samples={}", kFixedSamples));
    arguments.push_back("--cold");
  }
  const std::string output = run_self(arguments);
  return output.empty() ? nlohmann::json(false) : nlohmann::json::parse(output);
}

std::string text_of(const nlohmann::json& cell) {
  if (cell.is_null()) return fmt::format(" {:>22}", "does not fit");
  if (cell.is_boolean()) return fmt::format(" {:>22}", "failed");
  return fmt::format(" {:>9.1f}{:>7.0f}{:>6.2f}", 1000 * cell["step_seconds"].get<double>(),
                     cell["samples_per_second"].get<double>(), cell["peak_rss_bytes"].get<double>() / 1e9);
}

void print_heading(const BenchSweepOptions& options) {
  fmt::print("A step of the head: batch {}, dim {}, {}, {} steps a cell, medians\n\n", options.batch,
             options.dim, options.precision, options.steps);
  fmt::print("{:>9}", "");
  for (const Column& column : kColumns) fmt::print(" {:>22}", column.name);
  fmt::print("\n{:>9}", "classes");
  for (size_t i = 0; i < kColumns.size(); ++i) fmt::print(" {:>9}{:>7}{:>6}", "ms", "/s", "GB");
  fmt::print("\n");
}

}  // namespace

int bench_sweep(const BenchSweepOptions& options) {
  if (MpiSession::launched_by_mpi())
    fail_usage("bench sweep starts processes of its own: run it without mpirun");
  if (!options.json) print_heading(options);
  nlohmann::json rows = nlohmann::json::array();
  int exit_code = kDone;
  for (const int64_t classes : kClasses) {
    if (classes > options.max_classes) break;
    nlohmann::json row = {{"classes", classes}};
    if (!options.json) fmt::print("{:>9}", classes);
    for (const Column& column : kColumns) {
      const nlohmann::json cell = measure_cell(options, classes, column);
      if (cell.is_boolean()) exit_code = kFailed;
      row[column.name] = cell;
      if (!options.json) fmt::print("{}", text_of(cell));
      std::fflush(stdout);
    }
    if (!options.json) fmt::print("\n");
    rows.push_back(std::move(row));
  }
  if (options.json) fmt::print("{}\n", nlohmann::json{{"rows", rows}}.dump());
  return exit_code;
}

}  // namespace partialfc
