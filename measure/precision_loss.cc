#include "measure/precision_loss.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <string_view>
#include <vector>

#include "partialfc/base/error.h"
#include "partialfc/base/file.h"
#include "partialfc/comm/thread_ranks.h"
#include "partialfc/data/sample_order.h"
#include "partialfc/data/text_lines.h"
#include "partialfc/formats/npy.h"
#include "partialfc/head/partial_fc.h"

namespace partialfc {

namespace {

struct LabeledFeatures {
  NpyArray<float> features;     // (n, D)
  std::vector<int64_t> labels;  // (n)
  int64_t classes = 0;          // C: the largest label and one
};

// The second of a line's columns: row, label, image.
int64_t label_of_line(std::string_view line, const std::string& where) {
  const size_t first = line.find('\t'), second = line.find('\t', first + 1);
  int64_t label = -1;
  if (first == std::string_view::npos || second == std::string_view::npos ||
      !parse_number(line.substr(first + 1, second - first - 1), label) || label < 0)
    fail("{}: '{}' is not a row, a label and an image, with tabs between", where, line);
  return label;
}

LabeledFeatures read_features(const std::string& name) {
  LabeledFeatures data{.features = read_npy<float>(name + ".npy"), .labels = {}};
  if (data.features.shape.size() != 2 || data.features.rows() == 0)
    fail("{}.npy: an array of rows of features is needed, as partialfc embed writes it", name);
  const std::string keys = name + ".keys.tsv";
  for_each_line(read_text_file(keys), [&](int64_t number, std::string_view line) {
    data.labels.push_back(label_of_line(line, fmt::format("{}, line {}", keys, number)));
  });
  if (std::ssize(data.labels) != data.features.rows())
    fail("{} has {} lines, {}.npy has {} rows", keys, data.labels.size(), name, data.features.rows());
  data.classes = *std::max_element(data.labels.begin(), data.labels.end()) + 1;
  return data;
}

// The loss of each step.
std::vector<double> train_head(const LabeledFeatures& data, Precision precision,
                               const PrecisionLossOptions& options) {
  std::vector<double> losses;
  run_ranks(1, [&](Communicator& world) {
    ThreadTeam team(options.threads);
    const int64_t dim = data.features.cols();
    PartialFC head({.num_classes = data.classes,
                    .dim = dim,
                    .max_batch = options.batch,
                    .sample_rate = options.sample_rate,
                    .seed = options.seed,
                    .precision = precision,
                    .margin = {.name = MarginName::kCosFace},
                    .optimizer = {},
                    .file_store = {}},
                   world, team);
    const SampleOrder order(data.features.rows(), options.seed);
    Matrix<float> features(options.batch, dim), gradients(options.batch, dim);
    std::vector<int64_t> labels(options.batch);
    for (int64_t step = 0; step < options.steps; ++step) {
      for (int64_t i = 0; i < options.batch; ++i) {
        const int64_t sample = order.sample(step * options.batch + i);
        std::copy_n(data.features.view()[sample], dim, features[i]);
        labels[i] = data.labels[sample];
      }
      const StepResult result = head.forward(step, features.view(), labels, gradients.view());
      if (!result.finite) fail("step {} was not finite", step);
      head.update(options.learning_rate);
      losses.push_back(result.loss);
    }
  });
  return losses;
}

double mean_of_last_tenth(const std::vector<double>& losses) {
  const int64_t count = std::max<int64_t>(1, std::ssize(losses) / 10);
  return std::accumulate(losses.end() - count, losses.end(), 0.0) / static_cast<double>(count);
}

}  // namespace

PrecisionLoss measure_precision_loss(const PrecisionLossOptions& options) {
  const LabeledFeatures data = read_features(options.features);
  const std::vector<double> fp32 = train_head(data, Precision::kFloat32, options);
  const std::vector<double> bf16 = train_head(data, Precision::kBFloat16, options);
  return {.features = data.features.rows(),
          .dim = data.features.cols(),
          .classes = data.classes,
          .first_loss = fp32.front(),
          .fp32_loss = mean_of_last_tenth(fp32),
          .bf16_loss = mean_of_last_tenth(bf16)};
}

}  // namespace partialfc
