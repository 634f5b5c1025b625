#include "cli/head_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace partialfc {

namespace {

nlohmann::json json_of(const HeadFigures::Floor& floor) {
  nlohmann::json parts = nlohmann::json::object();
  for (int product = 0; product < ProductFloor::kProducts; ++product)
    parts[ProductFloor::kProductNames[product]] = {{"seconds", floor.product_seconds[product]},
                                                   {"library", floor.ways[product]}};
  return parts;
}

std::string floor_text(const char* name, const HeadFigures::Floor& floor) {
  std::string text = fmt::format("{:<18}{:>12.6f} s\n", name, floor.seconds);
  for (int product = 0; product < ProductFloor::kProducts; ++product)
    text += fmt::format("  {:<16}{:>12.6f} s  {}\n", ProductFloor::kProductNames[product],
                        floor.product_seconds[product], floor.ways[product]);
  return text;
}

std::string driver_of(const HeadRun::Gpu& gpu) {
  return fmt::format("{}.{}", gpu.driver_version / 1000, gpu.driver_version % 1000 / 10);
}

std::string gpu_text(const HeadRun::Gpu& gpu) {
  return fmt::format("{}, driver for CUDA {}; {:.1f} MB of its memory\n\n", gpu.name, driver_of(gpu),
                     static_cast<double>(gpu.head_bytes) / 1e6);
}

}  // namespace

std::string head_text(const HeadReport& report) {
  const HeadFigures& figures = report.figures;
  const HeadMeasurementOptions& options = report.options;
  const HeadRunOptions& head = options.head;
  std::string text = fmt::format("{} classes, {} active in a step, batch {}, dim {}, {}\n", head.classes,
                                 figures.active, head.batch, head.dim, name_of(head.precision));
  text += fmt::format("{} rank{} x {} thread{}, {} step{}{}; times are medians\n\n", figures.ranks,
                      figures.ranks == 1 ? "" : "s", figures.threads, figures.threads == 1 ? "" : "s",
                      options.steps, options.steps == 1 ? "" : "s", options.cold ? ", cold" : "");
  if (figures.gpu) text += gpu_text(*figures.gpu);
  text += fmt::format("{:<18}{:>12.6f} s  {:.0f} samples/s\n", "step", figures.step_seconds,
                      static_cast<double>(head.batch) / figures.step_seconds);
  text += fmt::format("  {:<16}{:>12.6f} s\n  {:<16}{:>12.6f} s\n", "forward", figures.forward_seconds,
                      "update", figures.update_seconds);
  if (figures.floor) {
    text += floor_text("float32 products", *figures.floor);
    text +=
        fmt::format("{:<18}{:>12.2f} x\n", "step over those", figures.step_seconds / figures.floor->seconds);
  }
  if (figures.floor_bf16) text += floor_text("bf16 products", *figures.floor_bf16);
  if (figures.bounds) {
    const StoreBounds& bounds = *figures.bounds;
    text += fmt::format("{:<18}{:>12.6f} s\n{:<18}{:>12.6f} s  {} transfers at once\n{:<18}{:>12.0f} %\n",
                        "in memory", bounds.memory_step_seconds, "the disk alone", bounds.disk_seconds,
                        bounds.disk_depth, "of the slower's speed",
                        100 * bounds.seconds() / figures.step_seconds);
  }
  text += fmt::format("{:<18}{:>12.6g}\n{:<18}{:>12.3f} MB\n{:<18}{:>12.1f} MB\n", "collectives a step",
                      figures.collectives_per_step, "sent a step", figures.bytes_per_step / 1e6,
                      "peak memory", static_cast<double>(figures.peak_memory) / 1e6);
  return text;
}

std::string head_json(const HeadReport& report) {
  const HeadFigures& figures = report.figures;
  const HeadMeasurementOptions& options = report.options;
  const HeadRunOptions& head = options.head;
  nlohmann::json json = {{"classes", head.classes},
                         {"samples", report.samples},
                         {"active", figures.active},
                         {"sample_rate", head.sample_rate},
                         {"batch", head.batch},
                         {"dim", head.dim},
                         {"precision", name_of(head.precision)},
                         {"ranks", figures.ranks},
                         {"threads", figures.threads},
                         {"steps", options.steps},
                         {"cold", options.cold},
                         {"step_seconds", figures.step_seconds},
                         {"forward_seconds", figures.forward_seconds},
                         {"update_seconds", figures.update_seconds},
                         {"samples_per_second", static_cast<double>(head.batch) / figures.step_seconds},
                         {"floor_seconds", nullptr},
                         {"over_floor", nullptr},
                         {"collectives_per_step", figures.collectives_per_step},
                         {"bytes_per_step", figures.bytes_per_step},
                         {"peak_rss_bytes", figures.peak_memory}};
  if (figures.floor) {
    json["floor_seconds"] = figures.floor->seconds;
    json["over_floor"] = figures.step_seconds / figures.floor->seconds;
    json["floor_parts"] = json_of(*figures.floor);
  }
  if (figures.bounds) {
    const StoreBounds& bounds = *figures.bounds;
    json["memory_step_seconds"] = bounds.memory_step_seconds;
    json["disk_seconds"] = bounds.disk_seconds;
    json["disk_depth"] = bounds.disk_depth;
    json["of_the_bound"] = bounds.seconds() / figures.step_seconds;
  }
  json["device"] = to_string(head.device);
  if (figures.gpu) {
    json["device_name"] = figures.gpu->name;
    json["driver"] = driver_of(*figures.gpu);
    json["device_bytes"] = figures.gpu->head_bytes;
  }
  if (figures.floor_bf16) {
    json["floor_bf16_seconds"] = figures.floor_bf16->seconds;
    json["floor_bf16_parts"] = json_of(*figures.floor_bf16);
  }
  return json.dump();
}

}  // namespace partialfc
