#include "measure/head_sweep.h"

#include <fmt/format.h>

#include <algorithm>

#include "partialfc/base/process_memory.h"
#include "partialfc/formats/json.h"
#include "partialfc/launch/child_process.h"

namespace partialfc {

namespace {

constexpr std::array<int64_t, 10> kClasses = {125'000,   250'000,    500'000,    1'000'000,  2'000'000,
                                              5'000'000, 10'000'000, 20'000'000, 50'000'000, 100'000'000};
constexpr double kUsableMemory = 0.6;

std::vector<std::string> bench_head_command(const HeadSweepOptions& options, int64_t classes,
                                            const SweepColumn& column, const std::string& program) {
  std::vector<std::string> command = {program,
                                      "bench",
                                      "head",
                                      "--json",
                                      "--no-floor",
                                      fmt::format("--classes={}", classes),
                                      fmt::format("--batch={}", options.batch),
                                      fmt::format("--dim={}", options.dim),
                                      fmt::format("--steps={}", options.steps),
                                      fmt::format("--threads={}", options.threads),
                                      fmt::format("--precision={}", name_of(options.precision))};
  if (column.sample_rate > 0) {
    command.push_back(fmt::format("--sample-rate={}", column.sample_rate));
  } else {
    command.push_back(fmt::format("--samples={}", kSweepSamples));
    command.push_back("--cold");
  }
  return command;
}

}  // namespace

std::vector<int64_t> sweep_rows(const HeadSweepOptions& options) {
  return {kClasses.begin(), std::ranges::upper_bound(kClasses, options.max_classes)};
}

bool fits(const HeadSweepOptions& options, int64_t classes, double sample_rate, int64_t memory) {
  const double numbers = 2.0 * static_cast<double>(classes) * static_cast<double>(options.dim);
  const double bytes = numbers * static_cast<double>(size_of(options.precision)) +
                       4.0 * static_cast<double>(options.batch) * static_cast<double>(classes) * sample_rate;
  return bytes <= kUsableMemory * static_cast<double>(memory);
}

SweepCell measure_cell(const HeadSweepOptions& options, int64_t classes, const SweepColumn& column,
                       const std::string& program) {
  if (column.sample_rate > 0 && !fits(options, classes, column.sample_rate, available_memory()))
    return {.state = SweepCell::State::kDoesNotFit};
  const ChildResult result =
      ChildProcess(bench_head_command(options, classes, column, program), {}).wait(ChildProcess::kForever);
  if (result.exit_code != 0) return {.state = SweepCell::State::kFailed, .error = result.err};
  return {.state = SweepCell::State::kMeasured, .figures = parse_json(result.out, "bench head")};
}

}  // namespace partialfc
