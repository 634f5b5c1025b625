#include "partialfc/plan/machine_inputs.h"

#include <gtest/gtest.h>

#include <map>

#include "partialfc/models/activation_memory.h"

namespace partialfc {
namespace {

std::map<std::string, PlanInput> by_name(const MachineInputs& inputs) {
  std::map<std::string, PlanInput> map;
  for (const PlanInput& input : inputs.list) map[input.name] = input;
  return map;
}

const MeasuredRates kRates{.backbone_flops = 1e12,
                           .head_flops = 2e12,
                           .memory_bandwidth = 3e10,
                           .program_bytes = 400'000'000,
                           .link = Link{.latency = 7e-6, .bandwidth = 4e9}};

TEST(MachineInputs, WhatIsGivenGoesBeforeWhatIsMeasuredAndThatBeforeTheDefault) {
  const MachineInputs inputs =
      machine_inputs({.head_flops = 500}, kRates, {.ranks = 2, .world = 2, .world_on_host = 2});
  auto named = by_name(inputs);
  EXPECT_EQ(inputs.machine.head_flops, 500e9);
  EXPECT_EQ(named["head_flops"].source, "given");
  EXPECT_EQ(named["head_flops"].value, 500);
  EXPECT_EQ(named["head_flops"].unit, "GFLOP/s");
  EXPECT_EQ(inputs.machine.backbone_flops, 1e12);
  EXPECT_EQ(named["backbone_flops"].source, "measured here");
  EXPECT_EQ(inputs.machine.program_bytes, 400'000'000);
  EXPECT_EQ(named["activation_slack"].source, "default");  // the batch was too small to tell
  EXPECT_EQ(inputs.machine.activation_slack, kActivationSlack);
}

TEST(MachineInputs, AMeasuredLinkIsTheHostsOrTheNetworks) {
  const MachineInputs one_host = machine_inputs({}, kRates, {.ranks = 2, .world = 2, .world_on_host = 2});
  EXPECT_EQ(one_host.machine.interconnect.host.bandwidth, 4e9);
  EXPECT_EQ(by_name(one_host)["bandwidth"].source, "default");
  const MachineInputs two_hosts = machine_inputs({}, kRates, {.ranks = 2, .world = 2, .world_on_host = 1});
  EXPECT_EQ(two_hosts.machine.interconnect.network.latency, 7e-6);
  EXPECT_EQ(by_name(two_hosts)["host_latency"].source, "default");
  EXPECT_EQ(two_hosts.machine.interconnect.ranks_per_host, 1);
}

TEST(MachineInputs, RanksOfAHostShareItsMemory) {
  const KnownMachine known{.ranks = 64, .memory_on_host = int64_t{16} << 30};
  EXPECT_EQ(machine_inputs({}, {}, known).machine.memory_bytes, int64_t{2} << 30);  // eight to a host
  EXPECT_EQ(machine_inputs({.ranks_per_host = 4}, {}, known).machine.memory_bytes, int64_t{4} << 30);
  EXPECT_EQ(machine_inputs({.memory = 7}, {}, known).machine.memory_bytes, int64_t{7} << 30);
}

}  // namespace
}  // namespace partialfc
