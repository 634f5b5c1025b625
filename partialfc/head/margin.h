// Margins on the target's cosine.
//
// z_ny = s · ψ(c_ny),  φ = m1·θ + m2,  θ = arccos c,  k = ⌊φ/π⌋:
//
//     ψ(c) = (−1)^k cos φ − 2k − m3          (target_cosine.h)
//
// ψ falls monotonically with θ over the whole range. Off the target z = s · c.
//
//     name         m1     m2    m3
//     softmax      1      0     0      of normalised features and centers: Wang et al. 2017 (NormFace)
//     arcface      1      0.5   0      Deng et al. 2019
//     cosface      1      0     0.4    Wang et al. 2018, with 0.35; 0.4 is what InsightFace and Partial FC train with
//     sphereface   1.35   0     0      Liu et al. 2017; see below
//     combined     all three given     Deng et al. 2019
//
// SphereFace's own m1 = 4 does not train from the start: its authors anneal it, (λ·cos θ + ψ)/(1 + λ) with λ falling
// to 5. Nothing anneals here, so 1.35 stands for it: up to a right angle ψ is within 0.13 of theirs at λ = 5.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "partialfc/head/target_cosine.h"

namespace partialfc {

enum class MarginName { kSoftmax, kArcFace, kCosFace, kSphereFace, kCombined };

const char* name_of(MarginName name);     // "softmax", …
std::vector<std::string> margin_names();  // all
// Throws UsageError where there is none of that name.
MarginName margin_named(const std::string& name);

// What a margin is asked for by. {} is arcface, {.m3 = 0.4} cosface, {.name = MarginName::kSphereFace} has its usual
// m1.
struct MarginOptions {
  std::optional<MarginName> name;
  float scale = 64;                  // s > 0
  std::optional<double> m1, m2, m3;  // (0, 16], [0, π] radians, [−1, 1]
  // ψ' = 1 in place of the derivative, as the PyTorch peer has it: for comparing runs.
  bool detached = false;
  // Inter-class filtering: a negative whose cosine is above it leaves the sum. 1 or more: none does.
  float filter_above = 1;
};

// The options, without those values that their name does not take.
MarginOptions without_values_of_others(MarginOptions options);

// With a name its own value is as given, else as above; a value of another margin is refused, with the name that
// takes it, and `combined` needs all three. Without a name: where a value is given, those not given are neutral (1,
// 0, 0); where none is, arcface. Throws UsageError that names the option and what it may be.
Margin resolve_margin(const MarginOptions& options);

// The same margin, asked for by the first name that fits it and those values alone that the name takes.
MarginOptions named_options(const Margin& margin);

// "arcface, m2 = 0.5, s = 64"
std::string describe(const Margin& margin);

}  // namespace partialfc
