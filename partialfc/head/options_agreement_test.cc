#include "partialfc/head/options_agreement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "partialfc/comm/thread_ranks.h"

namespace partialfc {
namespace {

using testing::StartsWith;

constexpr PartialFCOptions kOptions{.num_classes = 100, .dim = 8, .max_batch = 4};

// What making the layer tells the ranks, the last of which has other options; empty: nothing.
std::vector<std::string> told(const PartialFCOptions& of_last, int ranks) {
  std::vector<std::string> messages(ranks);
  run_ranks(ranks, [&](Communicator& comm) {
    ThreadTeam team(1);
    try {
      const PartialFC head(comm.rank() == ranks - 1 ? of_last : kOptions, comm, team);
    } catch (const DisagreementError& error) {
      messages[comm.rank()] = error.what();
    }
  });
  return messages;
}

struct Change {
  const char* name;
  std::function<void(PartialFCOptions&)> make;
};

const Change kChanges[] = {
    {"num_classes", [](auto& o) { o.num_classes = 101; }},
    {"dim", [](auto& o) { o.dim = 16; }},
    {"max_batch", [](auto& o) { o.max_batch = 5; }},
    {"sample_rate", [](auto& o) { o.sample_rate = 0.5; }},
    {"seed", [](auto& o) { o.seed = 1; }},
    {"precision", [](auto& o) { o.precision = Precision::kBFloat16; }},
    {"margin.scale", [](auto& o) { o.margin.scale = 32; }},
    {"margin.m1", [](auto& o) { o.margin.m1 = 2; }},
    {"margin.m2", [](auto& o) { o.margin.m2 = 0.25f; }},
    {"margin.m3", [](auto& o) { o.margin.m2 = 0.5, o.margin.m3 = 0.4; }},
    {"margin.detached", [](auto& o) { o.margin.detached = true; }},
    {"margin.filter_above", [](auto& o) { o.margin.filter_above = 0.5f; }},
    {"optimizer.kind", [](auto& o) { o.optimizer.kind = OptimizerOptions::Kind::kAdamW; }},
    {"optimizer.momentum", [](auto& o) { o.optimizer.momentum = 0.8f; }},
    {"optimizer.weight_decay", [](auto& o) { o.optimizer.weight_decay = 0; }},
    {"optimizer.beta1", [](auto& o) { o.optimizer.beta1 = 0.8f; }},
    {"optimizer.beta2", [](auto& o) { o.optimizer.beta2 = 0.8f; }},
    {"optimizer.epsilon", [](auto& o) { o.optimizer.epsilon = 1e-6f; }},
};

TEST(OptionsAgreement, EachOptionThatDiffersIsNamedOnEveryRank) {
  for (const Change& change : kChanges) {
    PartialFCOptions other = kOptions;
    change.make(other);
    for (const int ranks : {2, 4})
      EXPECT_THAT(told(other, ranks), testing::Each(StartsWith(std::string(change.name) + " is ")))
          << change.name;
  }
}

TEST(OptionsAgreement, TheChangesAboveAreOfEveryValue) {
  std::vector<std::string> names, changed;
  for (const NamedValue& value : shared_values(kOptions)) names.push_back(value.name);
  for (const Change& change : kChanges) changed.push_back(change.name);
  EXPECT_EQ(names, changed);
}

TEST(OptionsAgreement, WhatARankMayDecideForItselfMayDiffer) {
  PartialFCOptions other = kOptions;
  other.kept_bytes = 0;
  EXPECT_THAT(told(other, 2), testing::Each(""));
}

}  // namespace
}  // namespace partialfc
