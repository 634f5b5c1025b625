// What the tests of PartialFC run: cases, random batches, rows of centers, a few steps. For tests only.
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "partialfc/base/random.h"
#include "partialfc/comm/thread_ranks.h"
#include "partialfc/head/partial_fc_fixture.h"

namespace partialfc {

// What a test runs: a layer, and the rows each rank brings to a step.
struct Case {
  const char* name = "";
  int64_t classes = 600, dim = 24;
  double rate = 1;
  MarginOptions margin;
  OptimizerOptions optimizer;
  std::vector<int64_t> batches = {5, 3, 0, 7};  // rows of each quarter of the global batch
  int steps = 3;
};

inline void PrintTo(const Case& test, std::ostream* out) { *out << test.name; }

constexpr uint64_t kSeed = 99;
constexpr double kRate =
    5e-4;  // small enough that a step does not turn a center round, which would amplify rounding

inline PartialFCOptions options_of(const Case& test) {
  return {.num_classes = test.classes,
          .dim = test.dim,
          .max_batch = 16,
          .sample_rate = test.rate,
          .seed = kSeed,
          .margin = test.margin,
          .optimizer = test.optimizer};
}

inline Matrix<float> random_features(int64_t rows, int64_t dim, int64_t step) {
  Matrix<float> x(rows, dim);
  RandomStream random(4, Purpose::kSyntheticData, static_cast<uint64_t>(step));
  for (int64_t i = 0; i < x.size(); ++i) x.data()[i] = static_cast<float>(3 * random.normal());
  return x;
}

inline std::vector<int64_t> random_labels(int64_t rows, int64_t classes, int64_t step) {
  std::vector<int64_t> labels(rows);
  RandomStream random(5, Purpose::kSyntheticData, static_cast<uint64_t>(step));
  for (int64_t& label : labels) label = random.below(classes);
  if (rows > 4) labels[1] = -1, labels[4] = labels[2];  // one row to leave out, one class twice
  return labels;
}

// The records of these positions of the rank's.
inline std::vector<std::vector<float>> records_at(PartialFC& head, const std::vector<int64_t>& positions,
                                                  ThreadTeam& team) {
  const int64_t numbers = head.store().layout().numbers();
  std::vector<int64_t> slots(positions.size());
  head.store().locate(positions, slots, team);
  Matrix<float> rows(std::ssize(slots), numbers);
  head.store().read(slots, rows.view());
  std::vector<std::vector<float>> records;
  for (int64_t i = 0; i < rows.rows(); ++i) records.emplace_back(rows[i], rows[i] + numbers);
  return records;
}
// Of all the rank's, by position.
inline std::vector<std::vector<float>> own_records(PartialFC& head, ThreadTeam& team) {
  const Range own = head.store().positions();
  std::vector<int64_t> positions(own.size());
  std::iota(positions.begin(), positions.end(), own.first);
  return records_at(head, positions, team);
}

// What a few steps leave: of the last step's gradients and of all records.
struct Outcome {
  std::vector<double> losses;
  std::vector<float> dx;
  std::vector<std::vector<float>> records;  // by class
};

inline Outcome run_steps(const VisitsKind& visits, PartialFCOptions options, int threads, int64_t rows,
                         int steps) {
  Outcome out;
  run_ranks(1, [&](Communicator& comm) {
    ThreadTeam team(threads);
    options.max_batch = rows;
    TestLayer layer(visits, options, comm, team);
    PartialFC& head = layer;
    Matrix<float> dx(rows, options.dim);
    for (int step = 0; step < steps; ++step) {
      out.losses.push_back(head.forward(step, random_features(rows, options.dim, step).view(),
                                        random_labels(rows, options.num_classes, step), dx.view())
                               .loss);
      head.update(0.05);
    }
    out.dx.assign(dx.data(), dx.data() + dx.size());
    std::vector<int64_t> positions;
    for (int64_t id = 0; id < options.num_classes; ++id)
      positions.push_back(head.placement().position_of(id));
    out.records = records_at(head, positions, team);
  });
  return out;
}

inline double largest(const double* values, int64_t n) {
  double most = 1e-12;
  for (int64_t i = 0; i < n; ++i) most = std::max(most, std::abs(values[i]));
  return most;
}

}  // namespace partialfc
