#include "trainer/cpu_features.h"

#include <cpuid.h>

namespace partialfc {

bool cpu_has_bf16() {
  // CPUID leaf 7, subleaf 1: EAX bit 5 is AVX512_BF16; subleaf 0: EDX bit 22 is AMX_BF16 (Intel SDM, volume 2A).
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (!__get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx)) return false;
  if ((eax & (1u << 5)) != 0) return __builtin_cpu_supports("avx512f");
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (edx & (1u << 22)) != 0;
}

Precision precision_of(const std::string& name) {
  if (name == "bf16" || (name == "auto" && cpu_has_bf16())) return Precision::kBFloat16;
  return Precision::kFloat32;
}

}  // namespace partialfc
