#include "partialfc/plan/machine_inputs.h"

#include <algorithm>
#include <utility>

#include "partialfc/models/activation_memory.h"

namespace partialfc {

namespace {

constexpr double kGiB = 1 << 30, kGiga = 1e9, kMicro = 1e-6;

// Takes each number from the first that has it, and keeps account of where it came from.
class Inputs {
 public:
  double take(const char* name, const char* unit, double unit_size, std::optional<double> given,
              std::optional<double> measured, double otherwise) {
    const char* source = given ? "given" : measured ? "measured here" : "default";
    const double value = given ? *given * unit_size : measured.value_or(otherwise);
    list_.push_back({name, value / unit_size, unit, source});
    return value;
  }
  std::vector<PlanInput> list() && { return std::move(list_); }

 private:
  std::vector<PlanInput> list_;
};

}  // namespace

MachineInputs machine_inputs(const GivenMachine& given, const std::optional<MeasuredRates>& rates,
                             const KnownMachine& known) {
  const auto measured = [&](double MeasuredRates::*rate) {
    return rates ? std::optional<double>((*rates).*rate) : std::nullopt;
  };
  // The ranks that measured share a host, or each message of theirs crossed the network.
  const auto link = [&](bool inside_host, double Link::*number) -> std::optional<double> {
    const bool one_host = known.world_on_host == known.world;
    if (!rates || !rates->link || inside_host != one_host) return std::nullopt;
    return (*rates->link).*number;
  };

  Inputs inputs;
  Machine m;
  m.interconnect.ranks_per_host =
      static_cast<int>(inputs.take("ranks_per_host", "", 1, given.ranks_per_host, {},
                                   known.world > 1 ? known.world_on_host : std::min(known.ranks, 8)));
  m.backbone_flops = inputs.take("backbone_flops", "GFLOP/s", kGiga, given.backbone_flops,
                                 measured(&MeasuredRates::backbone_flops), 100e9);
  m.head_flops = inputs.take("head_flops", "GFLOP/s", kGiga, given.head_flops,
                             measured(&MeasuredRates::head_flops), 100e9);
  m.memory_bandwidth = inputs.take("memory_bandwidth", "GB/s", kGiga, given.memory_bandwidth,
                                   measured(&MeasuredRates::memory_bandwidth), 10e9);
  m.interconnect.host.latency =
      inputs.take("host_latency", "us", kMicro, given.host_latency, link(true, &Link::latency), 5e-6);
  m.interconnect.host.bandwidth =
      inputs.take("host_bandwidth", "GB/s", kGiga, given.host_bandwidth, link(true, &Link::bandwidth), 5e9);
  m.interconnect.network.latency =
      inputs.take("latency", "us", kMicro, given.latency, link(false, &Link::latency), 50e-6);
  m.interconnect.network.bandwidth =
      inputs.take("bandwidth", "GB/s", kGiga, given.bandwidth, link(false, &Link::bandwidth), 1.25e9);
  const int sharing = std::min(known.ranks, m.interconnect.ranks_per_host);
  m.memory_bytes = static_cast<int64_t>(inputs.take("memory", "GiB", kGiB, given.memory,
                                                    static_cast<double>(known.memory_on_host / sharing), 0));
  const auto program = static_cast<double>(rates ? rates->program_bytes : known.program_bytes);
  m.program_bytes = static_cast<int64_t>(inputs.take("program", "GiB", kGiB, given.program, program, 0));
  m.activation_slack = inputs.take("activation_slack", "", 1, given.activation_slack,
                                   rates ? rates->activation_slack : std::nullopt, kActivationSlack);
  return {m, std::move(inputs).list()};
}

}  // namespace partialfc
