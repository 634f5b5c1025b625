#include "cli/plan_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace partialfc {

namespace {

constexpr double kGiB = 1 << 30;

std::string spaced(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

double samples_per_second(const Plan& plan) {
  return static_cast<double>(plan.shape.global_batch) / plan.step.seconds;
}

std::string heading(const PlanReport& report) {
  const TrainingShape& s = report.plan.shape;
  std::string text =
      fmt::format("{} classes, {} dimensions, {} active on a rank (r = {:g}), head {}\n", s.classes, s.dim(),
                  s.rank_active(), s.sample_rate, name_of(s.head_precision));
  const Shape in = s.backbone.input();
  text += fmt::format("{}, {:.2f} M parameters, {:.3f} GFLOP an image, {} x {} x {}, {}\n", report.backbone,
                      static_cast<double>(s.backbone.parameter_count()) * 1e-6,
                      static_cast<double>(s.backbone.forward_flops()) * 1e-9, in.height, in.width,
                      in.channels, name_of(s.backbone_precision));
  text += fmt::format("{} rank{}, a global batch of {}: {} on a rank", s.ranks, s.ranks == 1 ? "" : "s",
                      s.global_batch, s.rank_batch());
  if (s.micro_batches > 1) text += fmt::format(" in {} micro-batches", s.micro_batches);
  return text + "\n";
}

std::string inputs_table(const PlanReport& report) {
  std::string text = "\nTaken from outside\n";
  for (const PlanInput& input : report.inputs)
    text += fmt::format("  {:<28}{:>14.6g} {:<10}{}\n", spaced(input.name), input.value, input.unit,
                        input.source);
  for (const std::string& note : report.notes) text += fmt::format("  {}\n", note);
  return text;
}

std::string memory_table(const Plan& plan) {
  const int64_t total = total_bytes(plan.memory);
  std::string text = "\nMemory of a rank                     GiB\n";
  for (const MemoryItem& item : plan.memory)
    text += fmt::format("  {:<28}{:>10.3f}{:>7.1f} %\n", spaced(item.name),
                        static_cast<double>(item.bytes) / kGiB,
                        100 * static_cast<double>(item.bytes) / static_cast<double>(total));
  text += fmt::format("  {:<28}{:>10.3f}  of {:.3f}: {}\n", "total", static_cast<double>(total) / kGiB,
                      static_cast<double>(plan.memory_limit) / kGiB,
                      total <= plan.memory_limit ? "fits" : "DOES NOT FIT");
  text += fmt::format("  {:<28}{:>10}  (all else as here)\n", "classes that fit", plan.largest_classes);
  return text;
}

std::string step_table(const Plan& plan) {
  std::string text = "\nA step                                ms\n";
  for (const StepPart& part : plan.step.parts)
    text += fmt::format("  {:<28}{:>10.3f}{:>7.1f} %\n", spaced(part.name), 1e3 * part.seconds,
                        100 * part.seconds / plan.step.seconds);
  text += fmt::format("  {:<28}{:>10.3f}  {:.1f} samples/s\n", "total", 1e3 * plan.step.seconds,
                      samples_per_second(plan));
  if (plan.shape.ranks == 1) return text;
  text += "\nCollectives                           ms          MB  algorithm\n";
  for (const PlannedCollective& c : plan.step.collectives)
    text += fmt::format("  {:<28}{:>10.3f}{:>12.3f}  {}\n", spaced(c.name), 1e3 * c.cost.seconds,
                        static_cast<double>(c.bytes) / 1e6, spaced(name_of(c.cost.algorithm)));
  return text;
}

std::string sampling_text(const Plan& plan) {
  std::string text = "\nSampling (a step is at least 5 % faster than with all classes)\n";
  text += plan.paying_rate > 0
              ? fmt::format("  pays up to r = {:g} for {} classes\n", plan.paying_rate, plan.shape.classes)
              : fmt::format("  does not pay for {} classes\n", plan.shape.classes);
  text += plan.paying_classes > 0
              ? fmt::format("  r = {:g} pays from {} classes on\n", plan.asked_rate, plan.paying_classes)
              : fmt::format("  r = {:g} never pays\n", plan.asked_rate);
  return text;
}

std::string scaling_table(const char* title, const std::vector<ScalingRow>& rows) {
  std::string text = fmt::format("\n{}\n  {:>6}{:>12}{:>14}{:>13}{:>15}{:>11}\n", title, "ranks", "classes",
                                 "GiB a rank", "ms a step", "samples/s", "network");
  for (const ScalingRow& row : rows)
    text += fmt::format("  {:>6}{:>12}{:>13.2f}{}{:>13.2f}{:>15.1f}{:>9.1f} %\n", row.ranks, row.classes,
                        static_cast<double>(row.memory_bytes) / kGiB, row.fits ? " " : "!",
                        1e3 * row.step_seconds, row.samples_per_second, 100 * row.communication);
  return text;
}

nlohmann::json rows_json(const std::vector<ScalingRow>& rows) {
  nlohmann::json json = nlohmann::json::array();
  for (const ScalingRow& row : rows)
    json.push_back({{"ranks", row.ranks},
                    {"classes", row.classes},
                    {"memory_bytes", row.memory_bytes},
                    {"fits", row.fits},
                    {"step_seconds", row.step_seconds},
                    {"samples_per_second", row.samples_per_second},
                    {"communication", row.communication}});
  return json;
}

nlohmann::json shape_json(const PlanReport& report) {
  const TrainingShape& s = report.plan.shape;
  const Shape in = s.backbone.input();
  return {{"classes", s.classes},
          {"dim", s.dim()},
          {"global_batch", s.global_batch},
          {"rank_batch", s.rank_batch()},
          {"micro_batches", s.micro_batches},
          {"sample_rate", s.sample_rate},
          {"active", s.rank_active()},
          {"head_precision", name_of(s.head_precision)},
          {"backbone_precision", name_of(s.backbone_precision)},
          {"backbone", report.backbone},
          {"parameters", s.backbone.parameter_count()},
          {"forward_flops", s.backbone.forward_flops()},
          {"input", {in.height, in.width, in.channels}},
          {"ranks", s.ranks},
          {"threads", s.threads}};
}

}  // namespace

std::string plan_text(const PlanReport& report) {
  const Plan& plan = report.plan;
  return heading(report) + inputs_table(report) + memory_table(plan) + step_table(plan) +
         sampling_text(plan) +
         scaling_table("More ranks, each with the batch of a rank; ! does not fit", plan.by_ranks) +
         scaling_table("More classes, on as many ranks as hold them", plan.by_classes);
}

std::string plan_json(const PlanReport& report) {
  const Plan& plan = report.plan;
  nlohmann::json json = {{"shape", shape_json(report)}, {"notes", report.notes}};
  for (const PlanInput& input : report.inputs)
    json["inputs"][input.name] = {{"value", input.value}, {"unit", input.unit}, {"source", input.source}};
  for (const MemoryItem& item : plan.memory) json["memory"]["items"][item.name] = item.bytes;
  const int64_t total = total_bytes(plan.memory);
  json["memory"]["total_bytes"] = total;
  json["memory"]["limit_bytes"] = plan.memory_limit;
  json["memory"]["fits"] = total <= plan.memory_limit;
  json["largest_classes"] = plan.largest_classes;
  for (const StepPart& part : plan.step.parts) json["step"]["parts"][part.name] = part.seconds;
  json["step"]["seconds"] = plan.step.seconds;
  json["step"]["samples_per_second"] = samples_per_second(plan);
  for (const PlannedCollective& c : plan.step.collectives)
    json["collectives"][c.name] = {
        {"bytes", c.bytes}, {"seconds", c.cost.seconds}, {"algorithm", name_of(c.cost.algorithm)}};
  json["sampling"] = {
      {"pays_up_to_rate", plan.paying_rate > 0 ? nlohmann::json(plan.paying_rate) : nullptr},
      {"rate", plan.asked_rate},
      {"pays_from_classes", plan.paying_classes > 0 ? nlohmann::json(plan.paying_classes) : nullptr}};
  json["by_ranks"] = rows_json(plan.by_ranks);
  json["by_classes"] = rows_json(plan.by_classes);
  return json.dump();
}

}  // namespace partialfc
