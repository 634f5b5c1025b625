// What this CPU can do, for choosing defaults.
#pragma once

namespace partialfc {

// Whether bfloat16 matrix products run faster than float32 here: AVX-512 BF16 or AMX.
bool cpu_has_bf16();

}  // namespace partialfc
