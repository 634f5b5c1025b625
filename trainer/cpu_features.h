// What this CPU can do, for choosing defaults.
#pragma once

#include <string>

#include "partialfc/base/precision.h"

namespace partialfc {

// Whether bfloat16 matrix products run faster than float32 here: AVX-512 BF16 or AMX.
bool cpu_has_bf16();

// "fp32" | "bf16" | "auto": bf16 where the CPU has it.
Precision precision_of(const std::string& name);

}  // namespace partialfc
